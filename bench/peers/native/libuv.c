/* libuv, as an echo server and as sinks of connections and of datagrams. Modes with `-nowait` spin
 * in uv_run(UV_RUN_NOWAIT), the others block in uv_run(UV_RUN_DEFAULT).
 *
 * A reply is written at once by uv_try_write. What the socket does not take then is queued by
 * uv_write, and the connection reads no more until it is gone, since it has one buffer. */

#define _GNU_SOURCE
#include <uv.h>

#include "subject.h"

static const struct subject_mode modes[] = {
    {"echo", subject_echo, 0},         {"echo-nowait", subject_echo, 1},
    {"sink", subject_sink, 0},         {"sink-nowait", subject_sink, 1},
    {"udp-sink", subject_udp_sink, 0}, {"udp-sink-nowait", subject_udp_sink, 1},
};

/* What recvmmsg is given room for, of 64 KiB each; libuv takes no more of them. */
enum { datagrams_at_once = 20 };

static const struct subject_mode *mode;

struct connection {
    uv_tcp_t stream;
    uv_write_t rest;
    char buffer[subject_buffer_bytes];
};

static void require(int status, const char *what) {
    if (status < 0) {
        subject_fail("%s: %s", what, uv_strerror(status));
    }
}

static void on_close(uv_handle_t *handle) {
    free(handle->data);
}

/* A connection that breaks ends alone, as one that the peer closes. */
static void end(struct connection *connection) {
    uv_handle_t *handle = (uv_handle_t *)&connection->stream;
    if (!uv_is_closing(handle)) {
        uv_close(handle, on_close);
    }
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    struct connection *connection = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(connection->buffer, sizeof connection->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer);

static void on_rest_written(uv_write_t *request, int status) {
    struct connection *connection = request->data;
    uv_stream_t *stream = (uv_stream_t *)&connection->stream;
    if (status < 0 || uv_read_start(stream, on_allocate, on_read) < 0) {
        end(connection);
    }
}

static void write_rest(struct connection *connection, size_t from, size_t to) {
    uv_stream_t *stream = (uv_stream_t *)&connection->stream;
    uv_buf_t rest = uv_buf_init(connection->buffer + from, (unsigned)(to - from));
    uv_read_stop(stream);
    connection->rest.data = connection;
    if (uv_write(&connection->rest, stream, &rest, 1, on_rest_written) < 0) {
        end(connection);
    }
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    struct connection *connection = stream->data;
    if (length < 0) {
        end(connection);
        return;
    }
    subject_received((uint64_t)length);
    if (length == 0 || mode->role == subject_sink) {
        return;
    }
    uv_buf_t reply = uv_buf_init(buffer->base, (unsigned)length);
    int written = uv_try_write(stream, &reply, 1);
    if (written < 0 && written != UV_EAGAIN) {
        end(connection);
    } else if (written < length) {
        write_rest(connection, written < 0 ? 0 : (size_t)written, (size_t)length);
    }
}

static void on_connection(uv_stream_t *listener, int status) {
    require(status, "can't accept a connection");
    struct connection *connection = malloc(sizeof *connection);
    if (connection == NULL) {
        subject_fail("no memory for a connection");
    }
    uv_stream_t *stream = (uv_stream_t *)&connection->stream;
    require(uv_tcp_init(listener->loop, &connection->stream), "can't make a socket");
    connection->stream.data = connection;
    require(uv_accept(listener, stream), "can't accept a connection");
    if (uv_tcp_nodelay(&connection->stream, 1) < 0 ||
        uv_read_start(stream, on_allocate, on_read) < 0) {
        end(connection);
    }
}

static void on_allocate_datagrams(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    static char buffers[datagrams_at_once * subject_buffer_bytes];
    (void)handle;
    (void)suggested;
    *buffer = uv_buf_init(buffers, sizeof buffers);
}

static void on_datagram(uv_udp_t *handle, ssize_t length, const uv_buf_t *buffer,
                        const struct sockaddr *source, unsigned flags) {
    (void)handle;
    (void)buffer;
    (void)flags;
    require(length < 0 ? (int)length : 0, "can't receive");
    /* Without a source it is no datagram: there was nothing more, or the buffers are free again. */
    if (source != NULL) {
        subject_received(1);
    }
}

static void swallow(uv_loop_t *loop, const char *version) {
    static uv_udp_t socket;
    unsigned port;
    require(uv_udp_init_ex(loop, &socket, UV_UDP_RECVMMSG), "can't make a socket");
    require(uv_udp_open(&socket, subject_datagrams(&port)), "can't take a socket");
    require(uv_udp_recv_start(&socket, on_allocate_datagrams, on_datagram), "can't receive");
    subject_announce(mode, port, version,
                     mode->spins
                         ? "uv_run(UV_RUN_NOWAIT) in a loop, UV_UDP_RECVMMSG, 20 x 64 KiB buffers"
                         : "uv_run(UV_RUN_DEFAULT), UV_UDP_RECVMMSG, 20 x 64 KiB buffers");
}

static void serve(uv_loop_t *loop, const char *version) {
    static uv_tcp_t listener;
    struct sockaddr_in address;
    int address_bytes = sizeof address;
    require(uv_ip4_addr("127.0.0.1", 0, &address), "no address");
    require(uv_tcp_init(loop, &listener), "can't make a socket");
    require(uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0), "can't bind");
    require(uv_listen((uv_stream_t *)&listener, 1024, on_connection), "can't listen");
    require(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &address_bytes),
            "no address");
    subject_announce(mode, ntohs(address.sin_port), version,
                     mode->spins
                         ? "uv_run(UV_RUN_NOWAIT) in a loop, uv_try_write, 64 KiB buffer a "
                           "connection, TCP_NODELAY"
                         : "uv_run(UV_RUN_DEFAULT), uv_try_write, 64 KiB buffer a connection, "
                           "TCP_NODELAY");
}

int main(int count, char **arguments) {
    mode = subject_start(count, arguments, modes, sizeof modes / sizeof *modes);
    uv_loop_t *loop = uv_default_loop();
    char version[32];
    snprintf(version, sizeof version, "libuv %s", uv_version_string());
    if (mode->role == subject_udp_sink) {
        swallow(loop, version);
    } else {
        serve(loop, version);
    }
    for (;;) {
        uv_run(loop, mode->spins ? UV_RUN_NOWAIT : UV_RUN_DEFAULT);
    }
}
