/*
 * limit.c: the bare edge-triggered epoll loop that Switchboard is measured against. One thread,
 * one epoll, no library.
 *
 *     cc -O2 -Wall -Wextra -Werror -o limit bench/limit.c
 *     ./limit echo 127.0.0.1:0         (or http or broadcast, or: file 127.0.0.1:0 PATH)
 *
 * Port 0 takes a free port. When ready it prints one line on standard output,
 * `listening on tcp://127.0.0.1:PORT` or `listening on http://127.0.0.1:PORT/`.
 *
 * THE DEFINITION OF THE WORK. A server compared with this one does what is listed here, and this
 * program does nothing that is not listed.
 *
 *   All    A connection is accepted with accept4, has TCP_NODELAY from the listening socket, and
 *          is registered once, for both directions, edge-triggered. One readiness costs one read
 *          into one 64 KiB buffer shared by all connections and one write. A read that did not
 *          fill the buffer ends the reading, unless the event said that the peer has finished or
 *          failed; after one that did fill it the connection waits until all others that are ready
 *          had theirs, so a greedy one cannot hold the loop. What the socket does not take is
 *          kept, in order, and sent when the socket is writable again; until then nothing more is
 *          read from that connection. The end of the peer's stream is answered by closing, after
 *          what is kept went out.
 *
 *   echo   Write back what was read.
 *
 *   churn  Is echo to clients that connect, say one thing and leave. Each costs accept4, epoll_ctl,
 *          a read and a write, the read that finds the end, close, and its part of the waits.
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
 *   file   Heads as in http. For each a head with content-type application/octet-stream, written
 *          with MSG_MORE, and then the file by sendfile, which is tried until the socket is full
 *          (sendfile may stop early and does not say so) or 256 KiB went out; then the connection
 *          waits for its next turn.
 *
 *   broadcast  All whole lines of one read go to every connection, the sender included: one write
 *          for each, straight from that read. The beginning of a line is kept, up to 8 KiB. What
 *          a socket does not take is kept for it; past 64 KiB its connection ends.
 *
 *   Not done: deadlines, a limit on connections, logging, a graceful stop. A server that does
 *   these pays for them in the ratio.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    HEAD_MAX = 8 * 1024,
    HEAD_MIN = 18, /* "GET / HTTP/1.0" and two line ends */
    KEPT_MAX = 64 * 1024,
    FILE_BYTES_PER_TURN = 256 * 1024,
    EVENTS = 1024,
    BACKLOG = 4096,
    ACCEPTS_PER_TURN = 256,
    DATE_BYTES = 29
};

#define CONNECTION_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

static enum { ECHO, HTTP, DOWNLOAD, BROADCAST } kind;
static bool is_web; /* the kinds with heads */

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
   output the socket did not take, then the beginning of a head or line whose end has not come. */
struct connection {
    char *kept;
    uint32_t sent;    /* of `kept` */
    uint32_t replies; /* where the output in `kept` ends */
    uint32_t length;  /* where the cut head ends */
    bool finished;    /* the peer has sent its last byte, or failed */
    bool open;
    bool queued;      /* in `next` */
};

/* What a connection of kind file is owed, in a table of its own. */
struct download {
    off_t offset;      /* of the file, as far as it is sent */
    uint32_t owed;     /* files, the one under way included */
    uint8_t head_sent, head_length;
    char head[UINT8_MAX];
};

/* Connections with more to read or to send than their share of a turn. */
struct list {
    int *descriptors;
    size_t count, room;
};

static struct list next; /* served in the next turn, each once */
static struct connection *table;
static struct download *downloads;
static size_t table_size;
static int highest = -1; /* descriptor that was ever a connection's */
static int file;
static off_t file_bytes;
static char input[READ_BYTES];
static char output[(READ_BYTES / HEAD_MIN + 1) * REPLY_BYTES];
static char date[DATE_BYTES + 1];
static time_t date_second;
static int poller;

static void fail(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Sends once. Returns the bytes taken, 0 when the socket is full, -1 when the connection is lost.
   A peer that is gone raises an error, not SIGPIPE. */
static inline ssize_t send_some(int fd, const char *bytes, size_t length)
{
    ssize_t sent = TEMP_FAILURE_RETRY(send(fd, bytes, length, MSG_NOSIGNAL));
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

static inline bool is_sending(int fd)
{
    const struct connection *c = &table[fd];
    return (c->kept != NULL && c->sent < c->replies) ||
           (kind == DOWNLOAD && downloads[fd].owed > 0);
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
        if (kind == HTTP)
            out = append_reply(out);
        else
            downloads[fd].owed++;
        begin = from = next;
    }
    return end - begin <= HEAD_MAX &&
           write_and_keep(fd, output, (size_t)(out - output), begin, (size_t)(end - begin));
}

/* Sends what is owed, up to this turn's share. IDLE: all is sent, or the socket is full. Inlined,
   this and `broadcast` would cost the other kinds a dozen instructions a request. */
static __attribute__((noinline)) enum outcome send_files(int fd)
{
    struct download *d = &downloads[fd];
    off_t stop = d->offset + FILE_BYTES_PER_TURN;
    while (d->owed > 0) {
        ssize_t sent;
        if (d->head_length == 0)
            d->head_length = (uint8_t)snprintf(
                d->head, sizeof d->head,
                "%s%s\r\ncontent-type: application/octet-stream\r\ncontent-length: %jd\r\n\r\n",
                BEFORE_DATE, date, (intmax_t)file_bytes);
        if (d->head_sent < d->head_length) {
            sent = TEMP_FAILURE_RETRY(send(fd, d->head + d->head_sent,
                                           d->head_length - d->head_sent,
                                           MSG_NOSIGNAL | MSG_MORE));
            d->head_sent += sent < 0 ? 0 : (uint8_t)sent;
        } else {
            off_t end = stop < file_bytes ? stop : file_bytes;
            sent = TEMP_FAILURE_RETRY(sendfile(fd, file, &d->offset, (size_t)(end - d->offset)));
        }
        if (sent < 0)
            return errno == EAGAIN ? IDLE : LOST;
        if (d->head_sent == d->head_length && d->offset == file_bytes) {
            d->owed--;
            stop -= file_bytes; /* what this one took of the share is gone for the next */
            d->offset = d->head_sent = d->head_length = 0;
        } else if (sent == 0) {
            return LOST; /* the file became shorter */
        }
        if (d->offset >= stop)
            return d->owed > 0 ? MORE : IDLE;
    }
    return IDLE;
}

/* Sends to one that may be sending already. One that failed has an event of its own. */
static void deliver(int fd, const char *bytes, size_t length)
{
    struct connection *c = &table[fd];
    ssize_t sent = is_sending(fd) ? 0 : send_some(fd, bytes, length);
    if (sent < 0 || (size_t)sent == length)
        return;
    size_t unsent = c->kept == NULL ? 0 : c->replies - c->sent;
    size_t cut = c->kept == NULL ? 0 : c->length - c->replies;
    char *kept = NULL;
    bytes += sent;
    length -= (size_t)sent;
    if (unsent + length > KEPT_MAX || (kept = malloc(unsent + length + cut)) == NULL) {
        shutdown(fd, SHUT_RDWR); /* its own event closes it: others of this batch may follow */
        return;
    }
    if (c->kept != NULL)
        memcpy(mempcpy(kept, c->kept + c->sent, unsent) + length, c->kept + c->replies, cut);
    memcpy(kept + unsent, bytes, length);
    free(c->kept);
    c->kept = kept;
    c->sent = 0;
    c->replies = (uint32_t)(unsent + length);
    c->length = c->replies + (uint32_t)cut;
}

/* Sends the whole lines in input[0..filled] to all, and keeps the cut one. False: close. */
static __attribute__((noinline)) bool broadcast(int fd, size_t filled)
{
    const char *newline = memrchr(input, '\n', filled);
    size_t whole = newline == NULL ? 0 : (size_t)(newline + 1 - input);
    if (filled - whole > HEAD_MAX || !write_and_keep(fd, output, 0, input + whole, filled - whole))
        return false;
    for (int to = 0; whole > 0 && to <= highest; to++)
        if (table[to].open)
            deliver(to, input, whole);
    return true;
}

/* Does with what was read what the kind says. MORE: there is more to send. */
static enum outcome answer(int fd, size_t searched, size_t filled)
{
    bool is_sound = kind == ECHO        ? write_and_keep(fd, input, filled, input, 0)
                    : kind == BROADCAST ? broadcast(fd, filled)
                                        : answer_heads(fd, searched, filled);
    return !is_sound ? LOST : kind == DOWNLOAD ? send_files(fd) : IDLE;
}

/* One read and one write. */
static enum outcome serve_input(int fd)
{
    size_t cut = take_cut_head(&table[fd]);
    ssize_t got = TEMP_FAILURE_RETRY(recv(fd, input + cut, READ_BYTES - cut, 0));
    if (got < 0 && errno == EAGAIN)
        return write_and_keep(fd, output, 0, input, cut) ? IDLE : LOST;
    if (got <= 0)
        return LOST;
    enum outcome outcome = answer(fd, cut, cut + (size_t)got);
    if (outcome != IDLE || is_sending(fd))
        return outcome;
    return (size_t)got == READ_BYTES - cut || table[fd].finished ? MORE : IDLE;
}

static bool watch(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(poller, operation, fd, &event) == 0;
}

/* Sends what waits. IDLE: all of it, or the socket is full. */
static enum outcome flush(int fd)
{
    struct connection *c = &table[fd];
    if (kind == DOWNLOAD)
        return send_files(fd);
    ssize_t sent = send_some(fd, c->kept + c->sent, c->replies - c->sent);
    c->sent += sent < 0 ? 0 : (uint32_t)sent;
    return sent < 0 ? LOST : IDLE;
}

/* Has a connection served again in the next turn; false when memory is short. */
static bool serve_next(int fd)
{
    if (table[fd].queued)
        return true;
    if (next.count == next.room) {
        size_t room = next.room * 2 + 64;
        int *grown = realloc(next.descriptors, room * sizeof *grown);
        if (grown == NULL)
            return false;
        next.descriptors = grown;
        next.room = room;
    }
    next.descriptors[next.count++] = fd;
    return table[fd].queued = true;
}

static void serve(int fd, uint32_t events)
{
    struct connection *c = &table[fd];
    bool wants_read = (events & ~(uint32_t)EPOLLOUT) != 0;
    enum outcome outcome = IDLE;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->finished = true;
    if (is_sending(fd)) {
        outcome = flush(fd);
        /* Input that came while output was kept had its edge then. */
        wants_read = outcome == IDLE && !is_sending(fd);
    }
    if (wants_read) {
        do /* after the peer's last byte, what is left to read is bounded */
            outcome = serve_input(fd);
        while (outcome == MORE && c->finished && !is_sending(fd));
    }
    if (outcome == MORE && !serve_next(fd))
        outcome = LOST;
    if (outcome == LOST) {
        free(c->kept);
        c->kept = NULL;
        c->open = false;
        close(fd);
    }
}

/* Serves those that had more to do. Who is on the list may have been closed since, and even have
   a successor, to whom a read that finds nothing does no harm. */
static void serve_queued(void)
{
    static struct list now;
    struct list done = now;
    now = next;
    next = done;
    next.count = 0;
    for (size_t i = 0; i < now.count; i++) {
        table[now.descriptors[i]].queued = false;
        if (table[now.descriptors[i]].open)
            serve(now.descriptors[i], EPOLLIN);
    }
}

/* Makes room for descriptor `fd`; false when memory is short. */
static bool grow_table(int fd)
{
    size_t size = ((size_t)fd + 512) * 2;
    if ((size_t)fd < table_size)
        return true;
    struct connection *grown = realloc(table, size * sizeof *table);
    if (grown == NULL)
        return false;
    table = grown;
    if (kind == DOWNLOAD && (downloads = realloc(downloads, size * sizeof *downloads)) == NULL)
        fail("memory");
    table_size = size;
    return true;
}

/* Accepts what waits; false when the system is out of descriptors or memory. */
static bool accept_waiting(int listener)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno == EAGAIN)
            return true;
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            return false;
        if (fd < 0)
            continue; /* this peer was gone before it was accepted, or EINTR */
        if (!grow_table(fd) || !watch(EPOLL_CTL_ADD, fd, CONNECTION_EVENTS)) {
            close(fd);
            return false;
        }
        while (highest < fd)
            table[++highest] = (struct connection){0};
        table[fd] = (struct connection){.open = true, .queued = table[fd].queued};
        if (kind == DOWNLOAD)
            downloads[fd] = (struct download){0};
    }
    return true; /* the listener is level-triggered and will be reported again */
}

static void run(int listener)
{
    static struct epoll_event events[EVENTS];
    time_t resume = 0; /* when to accept again, if not zero */
    bool watched = watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    while (watched) {
        if (next.count > 0)
            serve_queued(); /* what it closes is in no batch of events: none was fetched yet */
        int patience = next.count > 0 ? 0 : resume == 0 ? -1 : 1000;
        int count = epoll_wait(poller, events, EVENTS, patience);
        if (count < 0 && errno != EINTR)
            fail("epoll_wait");
        if (is_web)
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
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || /* accept4 copies it */
        bind(fd, (struct sockaddr *)address, size) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &size) < 0)
        fail(text);
    return fd;
}

static bool choose_kind(int count, char **arguments)
{
    static const char *const names[] = {"echo", "http", "file", "broadcast"};
    for (kind = ECHO; count >= 3 && kind <= BROADCAST; kind++)
        if (strcmp(arguments[1], names[kind]) == 0)
            return count == (kind == DOWNLOAD ? 4 : 3);
    return false;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    char host[INET_ADDRSTRLEN];
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("limit.c, compiler " __VERSION__) < 0;
    if (!choose_kind(argc, argv)) {
        fprintf(stderr, "usage: limit echo|http|broadcast ADDR:PORT, or file ADDR:PORT PATH\n");
        return 2;
    }
    if (kind == DOWNLOAD) {
        if ((file = open(argv[3], O_RDONLY | O_CLOEXEC)) < 0 ||
            (file_bytes = lseek(file, 0, SEEK_END)) < 0)
            fail(argv[3]);
        signal(SIGPIPE, SIG_IGN); /* sendfile knows no MSG_NOSIGNAL */
    }
    is_web = kind == HTTP || kind == DOWNLOAD;
    int listener = listen_on(argv[2], &address);
    if ((poller = epoll_create1(EPOLL_CLOEXEC)) < 0)
        fail("epoll_create1");
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    printf(is_web ? "listening on http://%s:%d/\n" : "listening on tcp://%s:%d\n", host,
           ntohs(address.sin_port));
    if (fflush(stdout) != 0)
        fail("standard output");
    run(listener);
}
