/*
 * libuv.c: servers on libuv, in the way of its guide's echo server: a uv_tcp_t for each
 * connection, a buffer from malloc for each read, a request from malloc for each write.
 *
 *     cc -O2 -o libuv bench/peers/c/libuv.c -luv
 *     ./libuv echo 127.0.0.1:0
 *     ./libuv http 127.0.0.1:0
 *     ./libuv broadcast 127.0.0.1:0
 *
 *   echo       The guide's: what was read is written from the same buffer.
 *   http       libuv has no HTTP, so this is written by hand and does what bench/limit.c does:
 *              find the end of each head, answer all heads of one read with one write, date
 *              included. Method, target, version and header lines are not looked at.
 *   broadcast  The whole lines of one read are shared by one write to every client.
 *
 * What the guide leaves out and a server cannot: a client whose output waits is not read from.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

enum { BACKLOG = 4096, HIGH_WATER = 64 * 1024, CUT_MAX = 8 * 1024, HEAD_MIN = 18 };

/* A connection. An idle one owns no buffer. */
struct client {
    uv_tcp_t stream;
    struct client *next, **link; /* of all clients */
    char *cut;                   /* the beginning of a head or line whose end has not come */
    size_t cut_length;
    bool is_held; /* not read from until its output is sent */
};

/* Bytes that are freed with the last write of them. */
struct shared {
    size_t writes;
    char bytes[];
};

struct write {
    uv_write_t request;
    struct shared *shared;
};

static enum { SERVE_ECHO, SERVE_HTTP, SERVE_BROADCAST } kind;
static struct client *clients;
static char date[64];
static time_t date_second;

static void fail(const char *what, int error)
{
    fprintf(stderr, "libuv: %s: %s\n", what, uv_strerror(error));
    exit(2);
}

static void *must_have(void *memory)
{
    if (memory == NULL)
        fail("malloc", UV_ENOMEM);
    return memory;
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct shared *shared = must_have(malloc(sizeof *shared + suggested));
    (void)handle;
    shared->writes = 0;
    *buffer = uv_buf_init(shared->bytes, (unsigned)suggested);
}

/* What holds the bytes that on_buffer gave. */
static struct shared *holder(char *bytes)
{
    return (struct shared *)(bytes - offsetof(struct shared, bytes));
}

static void on_closed(uv_handle_t *handle)
{
    struct client *client = (struct client *)handle;
    free(client->cut);
    free(client);
}

static void end(struct client *client)
{
    if (uv_is_closing((uv_handle_t *)client))
        return;
    *client->link = client->next;
    if (client->next != NULL)
        client->next->link = client->link;
    uv_close((uv_handle_t *)client, on_closed);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status)
{
    struct write *write = (struct write *)request;
    uv_stream_t *stream = request->handle;
    struct client *client = (struct client *)stream;
    if (--write->shared->writes == 0)
        free(write->shared);
    free(write);
    if (status < 0) {
        end(client);
    } else if (client->is_held && uv_stream_get_write_queue_size(stream) == 0) {
        client->is_held = false;
        uv_read_start(stream, on_buffer, on_read);
    }
}

/* Writes bytes of `shared`, which is freed when nothing is left to be written of it. */
static void write_shared(struct client *client, struct shared *shared, char *bytes, size_t length)
{
    uv_stream_t *stream = (uv_stream_t *)client;
    struct write *write = must_have(malloc(sizeof *write));
    uv_buf_t buffer = uv_buf_init(bytes, (unsigned)length);
    write->shared = shared;
    shared->writes++;
    if (uv_write(&write->request, stream, &buffer, 1, on_written) < 0) {
        shared->writes--; /* and no callback comes */
        free(write);
        end(client);
    } else if (uv_stream_get_write_queue_size(stream) > HIGH_WATER && !client->is_held) {
        client->is_held = true;
        uv_read_stop(stream);
    }
}

static void refresh_date(void)
{
    time_t now = time(NULL);
    if (now == date_second)
        return;
    date_second = now;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
}

/* Answers every whole head; returns how many bytes they took, or -1 for what is none. */
static ssize_t answer_heads(struct client *client, const char *bytes, size_t length)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\ndate: %s\r\n"
                                "content-type: text/plain; charset=utf-8\r\n"
                                "content-length: 13\r\n\r\nHello, World!";
    const char *begin = bytes, *end = bytes + length, *next;
    size_t heads = 0;
    while ((next = memmem(begin, (size_t)(end - begin), "\r\n\r\n", 4)) != NULL) {
        if (next + 4 - begin < HEAD_MIN)
            return -1;
        begin = next + 4;
        heads++;
    }
    if (heads > 0) {
        char one[256];
        refresh_date();
        size_t size = (size_t)snprintf(one, sizeof one, reply, date);
        struct shared *shared = must_have(malloc(sizeof *shared + heads * size));
        shared->writes = 0;
        for (size_t at = 0; at < heads; at++)
            memcpy(shared->bytes + at * size, one, size);
        shared->writes++; /* held here, too */
        write_shared(client, shared, shared->bytes, heads * size);
        if (--shared->writes == 0)
            free(shared);
    }
    return begin - bytes;
}

/* Sends the whole lines to all; returns how many bytes they took. */
static ssize_t broadcast(const char *bytes, size_t length)
{
    const char *newline = memrchr(bytes, '\n', length);
    size_t whole = newline == NULL ? 0 : (size_t)(newline + 1 - bytes);
    if (whole == 0)
        return 0;
    struct shared *shared = must_have(malloc(sizeof *shared + whole));
    memcpy(shared->bytes, bytes, whole);
    shared->writes = 1; /* held here, too */
    for (struct client *client = clients, *next; client != NULL; client = next) {
        next = client->next;
        write_shared(client, shared, shared->bytes, whole);
    }
    if (--shared->writes == 0)
        free(shared);
    return (ssize_t)whole;
}

/* Puts what was read behind what is kept, uses what is whole, and keeps the rest. */
static void use(struct client *client, const char *bytes, size_t length)
{
    char *joined = NULL;
    if (client->cut_length > 0) {
        joined = must_have(realloc(client->cut, client->cut_length + length));
        memcpy(joined + client->cut_length, bytes, length);
        bytes = joined;
        length += client->cut_length;
        client->cut = NULL;
        client->cut_length = 0;
    }
    ssize_t used =
        kind == SERVE_HTTP ? answer_heads(client, bytes, length) : broadcast(bytes, length);
    if (used < 0 || length - (size_t)used > CUT_MAX) {
        end(client);
    } else if ((client->cut_length = length - (size_t)used) > 0) {
        client->cut = must_have(malloc(client->cut_length));
        memcpy(client->cut, bytes + used, client->cut_length);
    }
    free(joined);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct client *client = (struct client *)stream;
    if (got > 0 && kind == SERVE_ECHO) {
        write_shared(client, holder(buffer->base), buffer->base, (size_t)got);
        return;
    }
    if (got > 0)
        use(client, buffer->base, (size_t)got);
    if (got < 0)
        end(client);
    if (buffer->base != NULL)
        free(holder(buffer->base));
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct client *client;
    if (status < 0)
        return;
    client = must_have(calloc(1, sizeof *client));
    uv_tcp_init(listener->loop, &client->stream);
    client->next = clients;
    client->link = &clients;
    if (clients != NULL)
        clients->link = &client->next;
    clients = client;
    if (uv_accept(listener, (uv_stream_t *)client) < 0 || uv_tcp_nodelay(&client->stream, 1) < 0 ||
        uv_read_start((uv_stream_t *)client, on_buffer, on_read) < 0)
        end(client);
}

static void listen_on(uv_tcp_t *listener, const char *text)
{
    struct sockaddr_in address;
    char host[64] = "", rest;
    int port, error, size = sizeof address;
    if (sscanf(text, "%15[0-9.]:%5d%c", host, &port, &rest) != 2)
        fail(text, UV_EINVAL);
    if ((error = uv_ip4_addr(host, port, &address)) < 0 ||
        (error = uv_tcp_init(uv_default_loop(), listener)) < 0 ||
        (error = uv_tcp_bind(listener, (struct sockaddr *)&address, 0)) < 0 ||
        (error = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection)) < 0 ||
        (error = uv_tcp_getsockname(listener, (struct sockaddr *)&address, &size)) < 0)
        fail(text, error);
    uv_ip4_name(&address, host, sizeof host);
    printf(kind == SERVE_HTTP ? "listening on http://%s:%d/\n" : "listening on tcp://%s:%d\n", host,
           ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"echo", "http", "broadcast"};
    uv_tcp_t listener;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("libuv %s\n", uv_version_string()) < 0;
    for (kind = SERVE_ECHO; argc == 3 && kind <= SERVE_BROADCAST; kind++)
        if (strcmp(argv[1], names[kind]) == 0)
            break;
    if (argc != 3 || kind > SERVE_BROADCAST) {
        fprintf(stderr, "usage: libuv echo|http|broadcast ADDR:PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    listen_on(&listener, argv[2]);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT) < 0 ? 2 : 0;
}
