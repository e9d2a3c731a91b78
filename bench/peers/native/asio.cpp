// Standalone Asio with C++20 coroutines, as an echo server and as sinks of connections and of
// datagrams. Modes with `-poll` spin in poll(), the others block in run().

#include <asio.hpp>

#include <array>
#include <exception>
#include <iterator>
#include <memory>
#include <string>

#include "subject.h"

using asio::ip::tcp;
using asio::ip::udp;

namespace {

const subject_mode modes[] = {
    {"echo", subject_echo, 0},         {"echo-poll", subject_echo, 1},
    {"sink", subject_sink, 0},         {"sink-poll", subject_sink, 1},
    {"udp-sink", subject_udp_sink, 0}, {"udp-sink-poll", subject_udp_sink, 1},
};

using buffer_type = std::array<char, subject_buffer_bytes>;

// A connection that breaks ends alone, as one that the peer closes.
asio::awaitable<void> converse(tcp::socket socket, bool replies) {
    asio::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    socket.set_option(tcp::no_delay(true), error);
    auto buffer = std::make_unique_for_overwrite<buffer_type>();
    while (!error) {
        std::size_t length = co_await socket.async_read_some(asio::buffer(*buffer), token);
        if (!error && replies) {
            co_await asio::async_write(socket, asio::buffer(*buffer, length), token);
        }
        subject_received(length);
    }
}

asio::awaitable<void> swallow(udp::socket &socket) {
    auto buffer = std::make_unique_for_overwrite<buffer_type>();
    udp::endpoint source;
    for (;;) {
        co_await socket.async_receive_from(asio::buffer(*buffer), source, asio::use_awaitable);
        subject_received(1);
    }
}

bool is_passing(const asio::error_code &error) {
    return error == asio::error::connection_aborted || error == asio::error::interrupted;
}

asio::awaitable<void> serve(tcp::acceptor &acceptor, bool replies) {
    for (;;) {
        asio::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        tcp::socket socket = co_await acceptor.async_accept(token);
        if (!error) {
            asio::co_spawn(acceptor.get_executor(), converse(std::move(socket), replies),
                           asio::detached);
        } else if (!is_passing(error)) {
            subject_fail("can't accept a connection: %s", error.message().c_str());
        }
    }
}

std::string version() {
    return "asio " + std::to_string(ASIO_VERSION / 100000) + "." +
           std::to_string(ASIO_VERSION / 100 % 1000) + "." + std::to_string(ASIO_VERSION % 100);
}

// The end of a coroutine by an exception is the end of the program.
void rethrow(std::exception_ptr error) {
    if (error) {
        std::rethrow_exception(error);
    }
}

void loop(asio::io_context &context, bool spins) {
    if (!spins) {
        context.run();
    }
    for (;;) {
        context.poll();
    }
}

void run(const subject_mode &mode) {
    asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
    std::string settings = "io_context with ASIO_CONCURRENCY_HINT_UNSAFE, C++20 coroutines, ";
    settings += mode.spins ? "poll() in a loop" : "run()";
    if (mode.role == subject_udp_sink) {
        unsigned port;
        udp::socket socket(context, udp::v4(), subject_datagrams(&port));
        settings += ", async_receive_from, 64 KiB buffer";
        asio::co_spawn(context, swallow(socket), rethrow);
        subject_announce(&mode, port, version().c_str(), settings.c_str());
        loop(context, mode.spins);
    } else {
        tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        settings += ", 64 KiB buffer a connection, TCP_NODELAY";
        asio::co_spawn(context, serve(acceptor, mode.role == subject_echo), rethrow);
        unsigned port = acceptor.local_endpoint().port();
        subject_announce(&mode, port, version().c_str(), settings.c_str());
        loop(context, mode.spins);
    }
}

}  // namespace

int main(int count, char **arguments) {
    const subject_mode *mode = subject_start(count, arguments, modes, std::size(modes));
    try {
        run(*mode);
    } catch (const std::exception &error) {
        subject_fail("the server ended: %s", error.what());
    }
}
