// SPDX-License-Identifier: BSD-3-Clause
//
// asio-peer: Boost.Asio's ssl::stream at the other end, in two ways of writing.
//
//   asio-peer [options] listen|connect async|nonblocking HOST PORT
//
// async: async_read_some() and async_write_some() at the same time. nonblocking: read_some() and write_some() on a
// non-blocking socket, as in Boost's ticket 13319. There write_some() encrypts a record, gives it to the socket and
// forgets what the socket did not take. So it is right only while the socket takes every record whole: with a large send
// buffer, after POLLOUT. With --eager, which does not wait for POLLOUT, it shows the fault.
//
// --send BYTES of a pattern, or --echo; --certificate FILE, --key FILE: a server's own; --ca FILE: whom a client trusts;
// --tls 1.2|1.3; --sndbuf BYTES. It prints what was sent and received, with the SHA-256 of each, how often the socket
// refused a write of the non-blocking kind, and how it ended. Exit status 0: in order, by close_notify from both.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <getopt.h>
#include <openssl/evp.h>
#include <poll.h>

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

class Count
{
  public:
    Count() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
    void add(const uint8_t *data, size_t len)
    {
        EVP_DigestUpdate(context_.get(), data, len);
        bytes_ += len;
    }
    uint64_t bytes() const { return bytes_; }
    void print(const char *what)
    {
        uint8_t hash[32];
        EVP_DigestFinal_ex(context_.get(), hash, nullptr);
        std::printf("%s %llu ", what, static_cast<unsigned long long>(bytes_));
        for (uint8_t byte : hash)
            std::printf("%02x", byte);
        std::printf("\n");
    }

  private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free};
    uint64_t bytes_ = 0;
};

struct Options {
    uint64_t send = 0;
    bool echo = false, eager = false;
    int sndbuf = 0;
    std::string certificate, key, ca, tls, role, mode, host, port;
};

// What both ways of writing share: what to send next, and what came.
class Peer
{
  public:
    Peer(asio::io_context &io, ssl::context &context, const Options &options)
        : stream_(io, context), options_(options), pattern_(1048573)
    {
        std::mt19937 random(1); // the same data each time
        std::generate(pattern_.begin(), pattern_.end(),
                      [&] { return static_cast<uint8_t>(random()); });
    }
    virtual ~Peer() = default;
    Peer(const Peer &) = delete;
    Peer &operator=(const Peer &) = delete;

    ssl::stream<tcp::socket> &stream() { return stream_; }
    virtual void run() = 0;

    bool report()
    {
        sent_.print("sent");
        received_.print("received");
        std::printf("refused %lu\nend %s\n", refused_, end_ ? end_.message().c_str() : "in order");
        return !end_;
    }

  protected:
    // The next bytes to write, empty if there are none now.
    asio::const_buffer next() const
    {
        if (options_.echo)
            return asio::buffer(echo_.data() + echo_from_, echo_to_ - echo_from_);
        size_t at = sent_.bytes() % pattern_.size();
        uint64_t left = options_.send - sent_.bytes();
        return asio::buffer(pattern_.data() + at,
                            std::min<uint64_t>({left, pattern_.size() - at, 65536}));
    }
    void written(asio::const_buffer what, size_t len)
    {
        sent_.add(static_cast<const uint8_t *>(what.data()), len);
        if (options_.echo)
            echo_from_ += len;
    }
    // An echo has one buffer: it reads when that has been written.
    bool may_read() const { return !read_closed_ && (!options_.echo || echo_from_ == echo_to_); }
    asio::mutable_buffer room() { return asio::buffer(echo_); }
    void was_read(size_t len)
    {
        received_.add(echo_.data(), len);
        echo_from_ = 0;
        echo_to_ = len;
    }
    bool finished() const { return end_ || (read_closed_ && next().size() == 0); }

    ssl::stream<tcp::socket> stream_;
    const Options &options_;
    bool read_closed_ = false;
    error_code end_;
    unsigned long refused_ = 0;

  private:
    std::vector<uint8_t> pattern_;
    std::vector<uint8_t> echo_ = std::vector<uint8_t>(65536);
    size_t echo_from_ = 0, echo_to_ = 0;
    Count sent_, received_;
};

class AsyncPeer : public Peer
{
  public:
    using Peer::Peer;
    void run() override
    {
        auto &io = static_cast<asio::io_context &>(stream_.get_executor().context());
        auto type = options_.role == "listen" ? ssl::stream_base::server : ssl::stream_base::client;
        stream_.async_handshake(type, [this](error_code error) {
            end_ = error;
            go_on();
        });
        io.run();
    }

  private:
    void go_on()
    {
        if (finished()) {
            // Boost cannot close one direction alone: this waits for the peer's close_notify, which has come.
            if (!end_ && !closing_) {
                closing_ = true;
                stream_.async_shutdown([this](error_code error) { end_ = error; });
            } else if (end_) {
                error_code ignored;
                stream_.next_layer().close(ignored);
            }
            return;
        }
        if (may_read() && !reading_) {
            reading_ = true;
            stream_.async_read_some(room(), [this](error_code error, size_t len) {
                reading_ = false;
                was_read(len);
                read_closed_ = error == asio::error::eof;
                if (error && !read_closed_)
                    end_ = error;
                go_on();
            });
        }
        if (next().size() > 0 && !writing_) {
            writing_ = true;
            auto what = next();
            stream_.async_write_some(what, [this, what](error_code error, size_t len) {
                writing_ = false;
                written(what, len);
                if (error)
                    end_ = error;
                go_on();
            });
        }
    }

    bool reading_ = false, writing_ = false, closing_ = false;
};

class NonblockingPeer : public Peer
{
  public:
    using Peer::Peer;
    void run() override
    {
        stream_.next_layer().non_blocking(true);
        auto type = options_.role == "listen" ? ssl::stream_base::server : ssl::stream_base::client;
        until_done([this, type](error_code &error) { stream_.handshake(type, error); });
        while (!finished()) {
            bool moved = read();
            moved |= write();
            if (!moved && !finished())
                wait(static_cast<short>((may_read() ? POLLIN : 0) |
                                        (next().size() > 0 ? POLLOUT : 0)),
                     -1);
        }
        if (!end_)
            until_done([this](error_code &error) { stream_.shutdown(error); });
    }

  private:
    bool wait(short events, int ms)
    {
        pollfd p = {stream_.next_layer().native_handle(), events, 0};
        return ::poll(&p, 1, ms) > 0;
    }
    void until_done(const std::function<void(error_code &)> &step)
    {
        for (step(end_); end_ == asio::error::would_block; step(end_))
            wait(POLLIN, -1);
    }
    bool read()
    {
        if (!may_read())
            return false;
        error_code error;
        size_t len = stream_.read_some(room(), error);
        if (len > 0)
            was_read(len);
        read_closed_ = error == asio::error::eof;
        if (error && !read_closed_ && error != asio::error::would_block)
            end_ = error;
        return !error;
    }
    bool write()
    {
        auto what = next();
        if (what.size() == 0 || !(options_.eager || wait(POLLOUT, 0)))
            return false;
        error_code error;
        size_t len = stream_.write_some(what, error);
        written(what, len); // "The number of bytes written", though the socket may have refused
        refused_ += error == asio::error::would_block;
        if (error && error != asio::error::would_block)
            end_ = error;
        return len > 0;
    }
};

static void set_up(ssl::context &context, const Options &options)
{
    int version = options.tls == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_max_proto_version(context.native_handle(), version);
    if (!options.tls.empty())
        SSL_CTX_set_min_proto_version(context.native_handle(), version);
    if (!options.certificate.empty()) {
        context.use_certificate_chain_file(options.certificate);
        context.use_private_key_file(options.key, ssl::context::pem);
    }
    if (!options.ca.empty()) {
        context.load_verify_file(options.ca);
        context.set_verify_mode(ssl::verify_peer);
    }
}

static void open_socket(asio::io_context &io, tcp::socket &socket, const Options &options)
{
    auto found = tcp::resolver(io).resolve(options.host, options.port);
    if (options.role == "listen") {
        tcp::acceptor acceptor(io, *found.begin());
        std::cout << "listening on " << options.host << " " << acceptor.local_endpoint().port()
                  << std::endl;
        acceptor.accept(socket);
    } else {
        asio::connect(socket, found);
    }
    if (options.sndbuf > 0)
        socket.set_option(asio::socket_base::send_buffer_size(options.sndbuf));
}

static bool parse(int argc, char **argv, Options &o)
{
    static const option options[] = {
        {"send", 1, nullptr, 's'},        {"echo", 0, nullptr, 'e'},   {"eager", 0, nullptr, 'g'},
        {"certificate", 1, nullptr, 'c'}, {"key", 1, nullptr, 'k'},    {"ca", 1, nullptr, 'a'},
        {"tls", 1, nullptr, 't'},         {"sndbuf", 1, nullptr, 'b'}, {nullptr, 0, nullptr, 0}};
    for (int c; (c = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
        switch (c) {
        case 's':
            o.send = std::stoull(optarg);
            break;
        case 'e':
            o.echo = true;
            break;
        case 'g':
            o.eager = true;
            break;
        case 'c':
            o.certificate = optarg;
            break;
        case 'k':
            o.key = optarg;
            break;
        case 'a':
            o.ca = optarg;
            break;
        case 't':
            o.tls = optarg;
            break;
        case 'b':
            o.sndbuf = std::stoi(optarg);
            break;
        default:
            return false;
        }
    }
    if (argc - optind != 4)
        return false;
    o.role = argv[optind];
    o.mode = argv[optind + 1];
    o.host = argv[optind + 2];
    o.port = argv[optind + 3];
    return (o.role == "listen" || o.role == "connect") &&
           (o.mode == "async" || o.mode == "nonblocking");
}

int main(int argc, char **argv)
try {
    Options options;
    if (!parse(argc, argv, options)) {
        std::cerr << "usage: asio-peer [options] listen|connect async|nonblocking HOST PORT\n";
        return 2;
    }
    asio::io_context io;
    ssl::context context(ssl::context::tls);
    set_up(context, options);
    std::unique_ptr<Peer> peer;
    if (options.mode == "async")
        peer = std::make_unique<AsyncPeer>(io, context, options);
    else
        peer = std::make_unique<NonblockingPeer>(io, context, options);
    open_socket(io, peer->stream().next_layer(), options);
    peer->run();
    return peer->report() ? 0 : 1;
} catch (const std::exception &error) {
    std::cerr << "asio-peer: " << error.what() << "\n";
    return 1;
}
