/*
 * limit.c: the bare edge-triggered epoll loop that Switchboard is measured against. One thread,
 * one epoll, no library.
 *
 *     cc -O2 -Wall -Wextra -Werror -o limit bench/limit.c
 *     ./limit echo 127.0.0.1:0
 *     ./limit http 127.0.0.1:8000
 *
 * Port 0 takes a free port. When ready it prints one line on standard output,
 * `listening on tcp://127.0.0.1:PORT` or `listening on http://127.0.0.1:PORT/`.
 *
 * THE DEFINITION OF THE WORK. A server compared with this one does what is listed here, and this
 * program does nothing that is not listed.
 *
 *   Both   A connection is accepted with accept4, gets TCP_NODELAY, and is registered once, for
 *          both directions, edge-triggered. One readiness costs one read into one 64 KiB buffer
 *          shared by all connections and one write. A read that did not fill the buffer ends the
 *          reading, unless the event said that the peer has finished or failed; after one that
 *          did fill it the connection waits for its next turn, so a greedy one cannot hold the
 *          loop. What the socket does not take is kept, in order, and sent when the socket is
 *          writable again; until then nothing more is read from that connection. The end of the
 *          peer's stream is answered by closing, after what is kept went out.
 *
 *   echo   Write back what was read.
 *
 *   http   Find the end of each request's head (CR LF CR LF). A head cut across reads is kept, up
 *          to 8 KiB, and not searched twice. For each head copy into one buffer: the status line,
 *          a date (formatted once a second, copied for every reply), the content type, the
 *          content length, and the body `Hello, World!`, in this order and spelling:
 *
 *              HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n
 *              content-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\r\nHello, World!
 *
 *          All replies to the heads of one read leave in one write. Method, target, version and
 *          headers are not looked at, and no request is taken to have a body. A head over 8 KiB,
 *          or shorter than any request can be, closes the connection.
 *
 *   Not done: deadlines, a limit on connections, logging, a graceful stop. A server that does
 *   these pays for them in the ratio.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    HEAD_MAX = 8 * 1024,
    HEAD_MIN = 18, /* "GET / HTTP/1.0" and two line ends */
    EVENTS = 1024,
    BACKLOG = 4096,
    ACCEPTS_PER_TURN = 256,
    DATE_BYTES = 29
};

#define CONNECTION_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* What serving a connection left: nothing to do, more to read, or a lost connection. */
enum outcome { IDLE, MORE, LOST };

/* The reply's constant parts; sizeof counts the closing NUL, which is not sent. */
static const char BEFORE_DATE[] = "HTTP/1.1 200 OK\r\ndate: ";
static const char AFTER_DATE[] = "\r\ncontent-type: text/plain; charset=utf-8\r\n"
                                 "content-length: 13\r\n\r\n";
static const char BODY[] = "Hello, World!";
#define LENGTH(literal) (sizeof(literal) - 1)
#define REPLY_BYTES (LENGTH(BEFORE_DATE) + DATE_BYTES + LENGTH(AFTER_DATE) + LENGTH(BODY))

/* One connection, at its descriptor's place in the table. An idle one owns no buffer. `kept` is
   output the socket did not take, then the beginning of a head whose end has not come. */
struct connection {
    char *kept;
    uint32_t sent;    /* of `kept` */
    uint32_t replies; /* where the output in `kept` ends */
    uint32_t length;  /* where the cut head ends */
    bool finished;    /* the peer has sent its last byte, or failed */
};

static struct connection *table;
static size_t table_size;
static char input[READ_BYTES];
static char output[(READ_BYTES / HEAD_MIN + 1) * REPLY_BYTES];
static char date[DATE_BYTES + 1];
static time_t date_second;
static int poller;
static bool is_http;

static void fail(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Sends once. Returns the bytes taken, 0 when the socket is full, -1 when the connection is lost.
   A peer that is gone raises an error, not SIGPIPE. */
static ssize_t send_some(int fd, const char *bytes, size_t length)
{
    ssize_t sent;
    do
        sent = send(fd, bytes, length, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

/* Writes `out` and keeps what the socket did not take, and after it the cut head. Nothing is kept
   yet. False: close. */
static bool write_and_keep(int fd, const char *out, size_t length, const char *head, size_t cut)
{
    struct connection *c = &table[fd];
    ssize_t sent = length == 0 ? 0 : send_some(fd, out, length);
    if (sent < 0)
        return false;
    length -= (size_t)sent;
    if (length + cut == 0)
        return true;
    if ((c->kept = malloc(length + cut)) == NULL)
        return false;
    memcpy(c->kept, out + sent, length);
    memcpy(c->kept + length, head, cut);
    c->sent = 0;
    c->replies = (uint32_t)length;
    c->length = (uint32_t)(length + cut);
    return true;
}

/* Moves the cut head, if any, to the front of `input`; returns its length. */
static size_t take_cut_head(struct connection *c)
{
    size_t cut = c->kept == NULL ? 0 : c->length - c->replies;
    if (cut > 0)
        memcpy(input, c->kept + c->replies, cut);
    free(c->kept);
    c->kept = NULL;
    return cut;
}

static bool is_sending(const struct connection *c)
{
    return c->kept != NULL && c->sent < c->replies;
}

/* The clock is read once a turn without a system call (vDSO). */
static void refresh_date(void)
{
    time_t now = time(NULL);
    if (now == date_second)
        return;
    date_second = now;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
}

static char *append_reply(char *end)
{
    end = mempcpy(end, BEFORE_DATE, LENGTH(BEFORE_DATE));
    end = mempcpy(end, date, DATE_BYTES);
    end = mempcpy(end, AFTER_DATE, LENGTH(AFTER_DATE));
    return mempcpy(end, BODY, LENGTH(BODY));
}

/* The first byte after CR LF CR LF, or NULL. The search hops from line feed to line feed: `begin`
   is where the head starts, `at` where an earlier search stopped. */
static const char *head_end(const char *begin, const char *at, const char *end)
{
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL)
        if (++at - begin >= 4 && memcmp(at - 4, "\r\n\r\n", 4) == 0)
            return at;
    return NULL;
}

/* Answers every whole head in input[0..filled], of which the first `searched` bytes hold no head's
   end, and keeps the cut one. False: close. */
static bool answer_heads(int fd, size_t searched, size_t filled)
{
    const char *begin = input, *from = input + searched, *end = input + filled, *next;
    char *out = output;
    while ((next = head_end(begin, from, end)) != NULL) {
        if (next - begin < HEAD_MIN)
            return false;
        out = append_reply(out);
        begin = from = next;
    }
    return end - begin <= HEAD_MAX &&
           write_and_keep(fd, output, (size_t)(out - output), begin, (size_t)(end - begin));
}

/* One read and one write. */
static enum outcome serve_input(int fd)
{
    size_t cut = take_cut_head(&table[fd]);
    ssize_t got;
    do
        got = recv(fd, input + cut, READ_BYTES - cut, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return write_and_keep(fd, output, 0, input, cut) ? IDLE : LOST;
    if (got <= 0)
        return LOST;
    if (is_http ? !answer_heads(fd, cut, cut + (size_t)got)
                : !write_and_keep(fd, input, (size_t)got, input, 0))
        return LOST;
    if (is_sending(&table[fd]))
        return IDLE;
    return (size_t)got == READ_BYTES - cut || table[fd].finished ? MORE : IDLE;
}

static bool watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(poller, operation, fd, &event) == 0;
}

static void serve(int fd, uint32_t events)
{
    struct connection *c = &table[fd];
    bool wants_read = (events & ~(uint32_t)EPOLLOUT) != 0;
    enum outcome outcome = IDLE;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->finished = true;
    if (is_sending(c)) {
        ssize_t sent = send_some(fd, c->kept + c->sent, c->replies - c->sent);
        outcome = sent < 0 ? LOST : IDLE;
        c->sent += sent < 0 ? 0 : (uint32_t)sent;
        /* Input that came while output was kept had its edge then. */
        wants_read = outcome == IDLE && !is_sending(c);
    }
    if (wants_read) {
        do /* after the peer's last byte, what is left to read is bounded */
            outcome = serve_input(fd);
        while (outcome == MORE && c->finished);
    }
    /* The same interest again makes epoll report the connection again, in a later turn. */
    if (outcome == MORE && !watch(EPOLL_CTL_MOD, fd, CONNECTION_EVENTS))
        outcome = LOST;
    if (outcome == LOST) {
        free(c->kept);
        close(fd);
    }
}

/* Makes room for descriptor `fd`; false when memory is short. */
static bool grow_table(int fd)
{
    size_t size = (size_t)fd < table_size ? table_size : ((size_t)fd + 512) * 2;
    struct connection *grown = size == table_size ? table : realloc(table, size * sizeof *table);
    if (grown == NULL)
        return false;
    table = grown;
    table_size = size;
    return true;
}

/* Accepts what waits; false when the system is out of descriptors or memory. */
static bool accept_waiting(int listener)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN)
            return true;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            return false;
        if (fd < 0)
            continue; /* this peer was gone before it was accepted, or EINTR */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (!grow_table(fd) || !watch(EPOLL_CTL_ADD, fd, CONNECTION_EVENTS)) {
            close(fd);
            return false;
        }
        table[fd] = (struct connection){0};
    }
    return true; /* the listener is level-triggered and will be reported again */
}

static void run(int listener)
{
    static struct epoll_event events[EVENTS];
    time_t resume = 0; /* when to accept again, if not zero */
    bool watched = watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    while (watched) {
        int count = epoll_wait(poller, events, EVENTS, resume == 0 ? -1 : 1000);
        if (count < 0 && errno != EINTR)
            fail("epoll_wait");
        if (is_http)
            refresh_date();
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener) {
                serve(events[i].data.fd, events[i].events);
            } else if (!accept_waiting(listener)) {
                /* Still watched, the listener would be reported for ever. Look away a while. */
                resume = time(NULL) + 2;
                watched = watch(EPOLL_CTL_MOD, listener, 0);
            }
        }
        if (resume != 0 && time(NULL) >= resume) {
            resume = 0;
            watched = watch(EPOLL_CTL_MOD, listener, EPOLLIN);
        }
    }
    fail("epoll_ctl");
}

/* Listens on ADDR:PORT (IPv4); fills in the address the system chose. */
static int listen_on(const char *text, struct sockaddr_in *address)
{
    char host[INET_ADDRSTRLEN], rest;
    socklen_t size = sizeof *address;
    unsigned port;
    int fd, on = 1;
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    errno = EINVAL;
    if (sscanf(text, "%15[0-9.]:%5u%c", host, &port, &rest) != 2 || port > 65535 ||
        inet_pton(AF_INET, host, &address->sin_addr) != 1)
        fail(text);
    address->sin_port = htons((uint16_t)port);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)address, size) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &size) < 0)
        fail(text);
    return fd;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    char host[INET_ADDRSTRLEN];
    if (argc != 3 || (strcmp(argv[1], "echo") != 0 && strcmp(argv[1], "http") != 0)) {
        fprintf(stderr, "usage: limit echo|http ADDR:PORT\n");
        return 2;
    }
    is_http = strcmp(argv[1], "http") == 0;
    int listener = listen_on(argv[2], &address);
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0)
        fail("epoll_create1");
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    printf(is_http ? "listening on http://%s:%d/\n" : "listening on tcp://%s:%d\n", host,
           ntohs(address.sin_port));
    if (fflush(stdout) != 0)
        fail("standard output");
    run(listener);
}
