// Standalone Asio with C++20 coroutines. `echo` blocks in run(), `echo-poll` spins in poll().

#include <asio.hpp>

#include <array>
#include <memory>
#include <string>

#include "subject.h"

using asio::ip::tcp;

namespace {

// A connection that breaks ends alone, as one that the peer closes.
asio::awaitable<void> echo(tcp::socket socket) {
    asio::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    socket.set_option(tcp::no_delay(true), error);
    auto buffer = std::make_unique_for_overwrite<std::array<char, subject_buffer_bytes>>();
    while (!error) {
        std::size_t length = co_await socket.async_read_some(asio::buffer(*buffer), token);
        if (!error) {
            co_await asio::async_write(socket, asio::buffer(*buffer, length), token);
        }
    }
}

bool is_passing(const asio::error_code &error) {
    return error == asio::error::connection_aborted || error == asio::error::interrupted;
}

asio::awaitable<void> serve(tcp::acceptor &acceptor) {
    for (;;) {
        asio::error_code error;
        auto token = asio::redirect_error(asio::use_awaitable, error);
        tcp::socket socket = co_await acceptor.async_accept(token);
        if (!error) {
            asio::co_spawn(acceptor.get_executor(), echo(std::move(socket)), asio::detached);
        } else if (!is_passing(error)) {
            subject_fail("can't accept a connection: %s", error.message().c_str());
        }
    }
}

std::string version() {
    return "asio " + std::to_string(ASIO_VERSION / 100000) + "." +
           std::to_string(ASIO_VERSION / 100 % 1000) + "." + std::to_string(ASIO_VERSION % 100);
}

void run(bool spins) {
    asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    std::string settings = "io_context with ASIO_CONCURRENCY_HINT_UNSAFE, C++20 coroutines, ";
    settings += spins ? "poll() in a loop" : "run()";
    settings += ", 64 KiB buffer a connection, TCP_NODELAY";
    asio::co_spawn(context, serve(acceptor), asio::detached);
    subject_announce(acceptor.local_endpoint().port(), version().c_str(), settings.c_str());
    if (!spins) {
        context.run();
    }
    for (;;) {
        context.poll();
    }
}

}  // namespace

int main(int count, char **arguments) {
    bool spins = subject_start(count, arguments, "echo", "echo-poll");
    try {
        run(spins);
    } catch (const std::exception &error) {
        subject_fail("the echo server ended: %s", error.what());
    }
}
