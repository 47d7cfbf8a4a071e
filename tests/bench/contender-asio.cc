// SPDX-License-Identifier: BSD-3-Clause

// Boost.Asio's ssl::stream, as its tutorial shows it: a chain of asynchronous operations on an io_context of one thread;
// and in the blocking form that a program with a thread for each end would use.

#include "bench.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

#include <unistd.h>

#include <array>
#include <memory>

namespace
{

namespace asio = boost::asio;
using Socket = asio::generic::stream_protocol::socket;
using Stream = asio::ssl::stream<Socket>;

asio::ssl::context context_of(const Material *material)
{
    SSL_CTX_up_ref(material->ctx); // the context takes it
    return asio::ssl::context(material->ctx);
}

Socket socket_of(asio::io_context &io, int fd)
{
    sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, reinterpret_cast<sockaddr *>(&address), &len) < 0)
        die("getsockname");
    // The socket closes what it is given; the caller's stays open.
    return Socket(io, asio::generic::stream_protocol(address.ss_family, 0), dup(fd));
}

struct End {
    End(asio::io_context &io, const Material *material, int fd)
        : context(context_of(material)), stream(socket_of(io, fd), context)
    {
    }

    asio::ssl::context context;
    Stream stream;
    Load load{};
    std::uint64_t done = 0; // bytes
    std::array<unsigned char, 16384> buffer{};
};

std::uint64_t bytes_of(const Load &load) { return load.messages * load.message; }

void check(const boost::system::error_code &error)
{
    if (error)
        die(error.message().c_str());
}

// What is left of the message under way.
asio::const_buffer rest_of_message(const End &end)
{
    std::size_t sent = end.done % end.load.message;
    return asio::buffer(end.buffer.data() + sent, end.load.message - sent);
}

void send_on(End &end)
{
    if (end.done == bytes_of(end.load))
        return;
    end.stream.async_write_some(rest_of_message(end),
                                [&end](const boost::system::error_code &error, std::size_t n) {
                                    check(error);
                                    end.done += n;
                                    send_on(end);
                                });
}

void receive_on(End &end)
{
    if (end.done == bytes_of(end.load))
        return;
    end.stream.async_read_some(asio::buffer(end.buffer),
                               [&end](const boost::system::error_code &error, std::size_t n) {
                                   check(error);
                                   end.done += n;
                                   receive_on(end);
                               });
}

struct Pair {
    Pair(const Material *material, int sender_fd, int receiver_fd, int threads)
        : sender(sender_io, material, sender_fd),
          receiver(threads == 1 ? sender_io : receiver_io, material, receiver_fd)
    {
        SSL *client = receiver.stream.native_handle();
        SSL_set_verify(client, SSL_VERIFY_PEER, nullptr);
        if (!SSL_set1_host(client, BENCH_HOST) || !SSL_set_tlsext_host_name(client, BENCH_HOST))
            die("cannot set the host");
        int left = 2;
        auto finished = [&left](const boost::system::error_code &error) {
            check(error);
            left--;
        };
        sender.stream.async_handshake(Stream::server, finished);
        receiver.stream.async_handshake(Stream::client, finished);
        while (left) {
            sender_io.poll();
            receiver_io.poll();
        }
        require_cipher(SSL_get_cipher_name(client));
    }

    // 1: only one thread runs it.
    asio::io_context sender_io{1}, receiver_io{1};
    End sender, receiver;
};

void *open_pair(const Material *material, int sender, int receiver, int threads)
{
    return new Pair(material, sender, receiver, threads);
}

void close_pair(void *pair) { delete static_cast<Pair *>(pair); }

void begin(End &end, const Load *load)
{
    end.load = *load;
    end.done = 0;
}

void run_async(void *pair, const Load *load, Side side)
{
    Pair &self = *static_cast<Pair *>(pair);
    asio::io_context &io = side == RECEIVER ? self.receiver_io : self.sender_io;
    io.restart();
    if (side & SENDER) {
        begin(self.sender, load);
        send_on(self.sender);
    }
    if (side & RECEIVER) {
        begin(self.receiver, load);
        receive_on(self.receiver);
    }
    io.run();
    if ((side & RECEIVER) && self.receiver.done != bytes_of(*load))
        die("Boost.Asio: another number of bytes has come");
}

void run_blocking(void *pair, const Load *load, Side side)
{
    Pair &self = *static_cast<Pair *>(pair);
    End &end = side == SENDER ? self.sender : self.receiver;
    begin(end, load);
    while (end.done < bytes_of(*load))
        end.done += side == SENDER ? end.stream.write_some(rest_of_message(end))
                                   : end.stream.read_some(asio::buffer(end.buffer));
    if (end.done != bytes_of(*load))
        die("Boost.Asio: another number of bytes has come");
}

} // namespace

const Contender contender_asio = {
    "Boost.Asio ssl::stream, async", 0, 0, open_pair, run_async, close_pair};
const Contender contender_asio_blocking = {
    "Boost.Asio ssl::stream, blocking", 1, 1, open_pair, run_blocking, close_pair};
