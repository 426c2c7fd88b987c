/*
 * libevent.c: servers on libevent, as its own documentation writes them: a bufferevent for each
 * connection, and evhttp.
 *
 *     cc -O2 -o libevent bench/peers/c/libevent.c -levent
 *     ./libevent echo 127.0.0.1:0
 *     ./libevent http 127.0.0.1:0
 *     ./libevent file 127.0.0.1:0 PATH
 *     ./libevent broadcast 127.0.0.1:0
 *
 *   echo       Moves the input buffer to the output buffer, which copies nothing.
 *   http       evhttp's general callback. evhttp reads the whole request, and adds Date,
 *              Content-Length and Content-Type.
 *   file       The same with a file segment, which is sent by sendfile.
 *   broadcast  Each whole line goes to the bufferevent of every client.
 *
 * TCP_NODELAY is inherited from the listening socket. A client whose output waits is not read
 * from, which the book of libevent leaves to the reader.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, HIGH_WATER = 64 * 1024, LONGEST_LINE = 8 * 1024, SILENCE_SECONDS = 3600 };

/* A client of the broadcast. */
struct member {
    struct bufferevent *stream;
    LIST_ENTRY(member) link;
};
static LIST_HEAD(members, member) room = LIST_HEAD_INITIALIZER(room);

/* What every request gets, if it is a file. */
static struct evbuffer_file_segment *file;

static void fail(const char *what)
{
    fprintf(stderr, "libevent: ");
    perror(what);
    exit(2);
}

/* Reads no more while much waits to be sent. */
static void hold_back(struct bufferevent *stream)
{
    if (evbuffer_get_length(bufferevent_get_output(stream)) > HIGH_WATER)
        bufferevent_disable(stream, EV_READ);
}

/* All is sent. */
static void on_written(struct bufferevent *stream, void *context)
{
    (void)context;
    bufferevent_enable(stream, EV_READ);
}

static void on_echo(struct bufferevent *stream, void *context)
{
    (void)context;
    bufferevent_write_buffer(stream, bufferevent_get_input(stream));
    hold_back(stream);
}

static void on_echo_end(struct bufferevent *stream, short events, void *context)
{
    (void)context;
    if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(stream);
}

static void on_line(struct bufferevent *stream, void *context)
{
    struct evbuffer *input = bufferevent_get_input(stream);
    struct member *member;
    size_t length;
    char *line;
    (void)context;
    while ((line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF)) != NULL) {
        line[length++] = '\n'; /* in the place of the NUL */
        LIST_FOREACH(member, &room, link)
            bufferevent_write(member->stream, line, length);
        free(line);
    }
    hold_back(stream);
}

static void on_member_end(struct bufferevent *stream, short events, void *context)
{
    struct member *member = context;
    if (!(events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    LIST_REMOVE(member, link);
    free(member);
    bufferevent_free(stream);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int length, void *is_broadcast)
{
    struct event_base *base = evconnlistener_get_base(listener);
    struct bufferevent *stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    struct member *member = NULL;
    (void)address;
    (void)length;
    if (stream == NULL || (is_broadcast != NULL && (member = malloc(sizeof *member)) == NULL)) {
        stream == NULL ? (void)close(fd) : bufferevent_free(stream);
        return;
    }
    if (is_broadcast == NULL) {
        bufferevent_setcb(stream, on_echo, on_written, on_echo_end, NULL);
    } else {
        member->stream = stream;
        LIST_INSERT_HEAD(&room, member, link);
        bufferevent_setcb(stream, on_line, on_written, on_member_end, member);
        bufferevent_setwatermark(stream, EV_READ, 0, LONGEST_LINE);
    }
    bufferevent_enable(stream, EV_READ | EV_WRITE);
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct evbuffer *body = evbuffer_new();
    const char *type = file == NULL ? "text/plain; charset=utf-8" : "application/octet-stream";
    (void)context;
    if (body == NULL)
        return evhttp_send_error(request, HTTP_INTERNAL, NULL);
    /* It is moved to the socket's own buffer, where a file may be sent by sendfile. */
    evbuffer_set_flags(body, EVBUFFER_FLAG_DRAINS_TO_FD);
    if (file == NULL)
        evbuffer_add_reference(body, "Hello, World!", 13, NULL, NULL);
    else
        evbuffer_add_file_segment(body, file, 0, -1);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    evhttp_send_reply(request, HTTP_OK, "OK", body);
    evbuffer_free(body);
}

static void serve_http(struct event_base *base, struct evconnlistener *listener)
{
    struct evhttp *http = evhttp_new(base);
    if (http == NULL || evhttp_bind_listener(http, listener) == NULL)
        fail("evhttp");
    evhttp_set_timeout(http, SILENCE_SECONDS);
    evhttp_set_gencb(http, on_request, NULL);
}

/* Reads ADDR:PORT (IPv4). libevent's own parser takes no port 0. */
static bool parse_address(const char *text, struct sockaddr_in *address)
{
    char host[INET_ADDRSTRLEN], rest;
    unsigned port;
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    if (sscanf(text, "%15[0-9.]:%5u%c", host, &port, &rest) != 2 || port > 65535)
        return false;
    address->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

/* The first line of output says where it listens. */
static void announce(struct evconnlistener *listener, const char *scheme, const char *end)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    char host[INET_ADDRSTRLEN];
    if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &size) < 0)
        fail("getsockname");
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    printf("listening on %s://%s:%d%s\n", scheme, host, ntohs(address.sin_port), end);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    bool is_file = strcmp(kind, "file") == 0, is_broadcast = strcmp(kind, "broadcast") == 0;
    bool is_web = is_file || strcmp(kind, "http") == 0;
    struct sockaddr_in address;
    int on = 1;
    if (argc == 2 && strcmp(kind, "--version") == 0)
        return printf("libevent %s\n", event_get_version()) < 0;
    if (argc != (is_file ? 4 : 3) || (!is_web && !is_broadcast && strcmp(kind, "echo") != 0)) {
        fprintf(stderr, "usage: libevent echo|http|broadcast ADDR:PORT, or file ADDR:PORT PATH\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (is_file) {
        int fd = open(argv[3], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (file = evbuffer_file_segment_new(fd, 0, -1, 0)) == NULL)
            fail(argv[3]);
    }
    struct event_base *base = event_base_new();
    if (base == NULL || !parse_address(argv[2], &address))
        fail(argv[2]);
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, on_accept, is_broadcast ? &room : NULL,
        LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG,
        (struct sockaddr *)&address, sizeof address);
    if (listener == NULL ||
        setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        fail(argv[2]);
    if (is_web)
        serve_http(base, listener);
    announce(listener, is_web ? "http" : "tcp", is_web ? "/" : "");
    return event_base_dispatch(base) < 0 ? 2 : 0;
}
