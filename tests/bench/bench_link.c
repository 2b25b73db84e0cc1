// Links on loopback, one process of servers and one of clients: how long sessions take to set up
// and what CPU and memory, then requests at a steady rate over them, then silence.
//   bench_link [SESSIONS 9900] [REQUESTS_PER_S 1000] [SECONDS 10]
// SESSIONS is cut to what the descriptor limit allows. Latencies are from sending to the answer's
// callback; those of a loaded machine say more of the machine.
#include "core/base/mem.h"
#include "core/loop/loop.h"
#include "federation/link.h"
#include "federation/net_loop.h"
#include "federation/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 64, SPARE_DESCRIPTORS = 64, SAMPLES_MAX = 1000000, TICKS_PER_S = 100 };

struct bench {
    struct loop *loop;
    struct net_loop *sockets;
    struct tls *tls;
    struct channel_maker maker;
    struct link_config config;
    struct net_addr to;
    const uint8_t *expect;
    struct link **links;
    size_t wanted, started, up, again;
    struct loop_timer *timer;
    double *samples;
    size_t sample_count, sent, answered, failed;
    uint64_t rate, begun_ns, seconds;
    uint32_t random;
    pid_t server;
};
struct asked { // one request under way
    struct bench *b;
    uint64_t at_ns;
};

static double cpu_s(void) {
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

// CPU seconds of another process: fields 14 and 15 of its stat, behind the name in brackets.
static double cpu_of(pid_t pid) {
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        (void)fclose(f);
    text[n] = 0;
    const char *p = strrchr(text, ')');
    if (p)
        (void)sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)TICKS_PER_S;
}

static double rss_mb(pid_t pid) {
    char path[64], line[256];
    unsigned long kb = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %lu kB", &kb) == 1)
            break;
    if (f)
        (void)fclose(f);
    return (double)kb / 1024;
}

static void die(const char *what, const struct err *err) {
    (void)fprintf(stderr, "bench_link: %s: %s\n", what, err ? err_text(err) : "failed");
    exit(1);
}

// --- both sides

static void do_echo(void *ctx, struct rpc_request *req, json_t *params) {
    (void)ctx;
    rpc_reply(req, params ? json_incref(params) : json_null());
}

static const struct rpc_method methods[] = {{.name = "echo", .request = do_echo}, {0}};

static void init(struct bench *b, uint8_t seed_byte, const struct link_events *events) {
    struct err err = {0};
    uint8_t seed[TLS_SEED_BYTES] = {seed_byte};
    if (loop_new(&b->loop, &err) < 0 || net_loop_new(b->loop, NULL, &b->sockets, &err) < 0 ||
        tls_new(seed, &b->tls, &err) < 0)
        die("start", &err);
    b->maker = tls_maker(b->tls);
    b->config = (struct link_config){.env = loop_env(b->loop),
                                     .net = net_loop_net(b->sockets),
                                     .channels = &b->maker,
                                     .methods = methods,
                                     .events = events,
                                     .ctx = b};
}

// --- server

static void server_up(void *ctx, struct link *l) {
    (void)ctx;
    link_trust(l);
}

static void server_down(void *ctx, struct link *l, const struct err *err) {
    (void)ctx, (void)l, (void)err;
}

static void on_accept(void *ctx, struct net_conn *c, const struct net_addr *from) {
    struct bench *b = ctx;
    struct link *l = NULL;
    (void)from;
    (void)link_accept(&b->config, c, &l, NULL);
}

static void serve(int port_out) {
    static const struct link_events events = {.up = server_up, .down = server_down};
    struct bench b = {0};
    uint16_t port = 0;
    struct err err = {0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    init(&b, 2, &events);
    struct net *net = b.config.net;
    if (net->ops->listen(net->self, 0, on_accept, &b, &port, &err) < 0)
        die("listen", &err);
    if (write(port_out, &port, sizeof port) != (ssize_t)sizeof port)
        die("pipe", NULL);
    (void)loop_run(b.loop, NULL);
}

// --- client: setting up

static void dial_one(struct bench *b) {
    struct err err = {0};
    if (link_connect(&b->config, &b->to, b->expect, &b->links[b->started], &err) < 0)
        die("connect", &err);
    b->started++;
}

static void client_up(void *ctx, struct link *l) {
    struct bench *b = ctx;
    link_trust(l);
    b->up++;
    if (b->started < b->wanted)
        dial_one(b);
    if (b->up == b->wanted)
        loop_stop(b->loop);
}

// On a loaded machine a handshake may take longer than it may: that one is tried again, and said.
static void client_down(void *ctx, struct link *l, const struct err *err) {
    struct bench *b = ctx;
    struct err again = {0};
    size_t i = 0;
    while (i < b->started && b->links[i] != l)
        i++;
    if (b->up == b->wanted || i == b->started || ++b->again > b->wanted / 10)
        die("a link went down", err);
    if (link_connect(&b->config, &b->to, b->expect, &b->links[i], &again) < 0)
        die("connect", &again);
}

// --- client: requests

static uint64_t now_ns(struct bench *b) {
    return env_mono_ns(b->config.env);
}

static void on_answer(void *ctx, const json_t *result, const json_t *error, const struct err *err) {
    struct asked *a = ctx;
    struct bench *b = a->b;
    (void)error, (void)err;
    if (result && b->sample_count < SAMPLES_MAX)
        b->samples[b->sample_count++] = (double)(now_ns(b) - a->at_ns) / 1000;
    b->answered++;
    b->failed += !result;
    mem_free(a);
}

static void ask(struct bench *b) {
    struct asked *a = mem_alloc(sizeof *a);
    b->random = b->random * 1664525 + 1013904223;
    struct link *l = b->links[b->random % b->wanted];
    *a = (struct asked){b, now_ns(b)};
    if (link_call(l, "echo", json_pack("{s:s,s:i}", "what", "a question of some length", "n", 7),
                  10000, on_answer, a, NULL) < 0)
        die("call", NULL);
    b->sent++;
}

static void on_tick(void *ctx) {
    struct bench *b = ctx;
    uint64_t passed = now_ns(b) - b->begun_ns;
    uint64_t due = passed * b->rate / 1000000000;
    if (passed >= b->seconds * 1000000000) {
        if (b->answered == b->sent)
            loop_stop(b->loop);
        return;
    }
    while (b->sent < due)
        ask(b);
}

static void on_pause(void *ctx) {
    loop_stop(((struct bench *)ctx)->loop);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double part(const struct bench *b, double p) {
    return b->sample_count ? b->samples[(size_t)(p * (double)(b->sample_count - 1))] : 0;
}

static void measure_requests(struct bench *b) {
    double cpu = cpu_s(), cpu_server = cpu_of(b->server);
    b->samples = mem_alloc(SAMPLES_MAX * sizeof *b->samples);
    if (!b->samples || loop_timer_new(b->loop, on_tick, b, &b->timer) < 0)
        die("memory", NULL);
    b->begun_ns = now_ns(b);
    loop_timer_start(b->timer, 1, 1);
    (void)loop_run(b->loop, NULL);
    loop_timer_free(b->timer);
    qsort(b->samples, b->sample_count, sizeof *b->samples, by_size);
    (void)fprintf(stderr,
                  "requests: %zu at %llu/s over %zu sessions, failed %zu; us p50 %.0f p90 %.0f "
                  "p99 %.0f p99.9 %.0f; CPU us a request: client %.0f, server %.0f\n",
                  b->answered, (unsigned long long)b->rate, b->wanted, b->failed, part(b, 0.5),
                  part(b, 0.9), part(b, 0.99), part(b, 0.999),
                  (cpu_s() - cpu) * 1e6 / (double)b->answered,
                  (cpu_of(b->server) - cpu_server) * 1e6 / (double)b->answered);
}

static void measure_silence(struct bench *b) {
    struct link_info before, after;
    link_info(b->links[0], &before);
    double cpu = cpu_s(), cpu_server = cpu_of(b->server);
    enum { SILENCE_S = 40 }; // more than LINK_PING_MS: each link has asked once
    if (loop_timer_new(b->loop, on_pause, b, &b->timer) < 0)
        die("memory", NULL);
    loop_timer_start(b->timer, SILENCE_S * 1000, 0);
    (void)loop_run(b->loop, NULL);
    loop_timer_free(b->timer);
    link_info(b->links[0], &after);
    (void)fprintf(stderr,
                  "silence of %d s: CPU %% of a core: client %.2f, server %.2f; %llu bytes in and "
                  "out of a link\n",
                  SILENCE_S, (cpu_s() - cpu) * 100 / SILENCE_S,
                  (cpu_of(b->server) - cpu_server) * 100 / SILENCE_S,
                  (unsigned long long)(after.bytes_in + after.bytes_out - before.bytes_in -
                                       before.bytes_out));
}

static void measure_setup(struct bench *b) {
    double rss = rss_mb(getpid()), rss_server = rss_mb(b->server);
    double cpu = cpu_s(), cpu_server = cpu_of(b->server);
    uint64_t begun = now_ns(b);
    for (int i = 0; i < AT_ONCE && b->started < b->wanted; i++)
        dial_one(b);
    (void)loop_run(b->loop, NULL);
    double s = (double)(now_ns(b) - begun) / 1e9, n = (double)b->wanted;
    double client = cpu_s() - cpu, server = cpu_of(b->server) - cpu_server;
    (void)fprintf(stderr,
                  "set up: %zu sessions in %.2f s, %zu tried again; CPU %.2f s client, %.2f s "
                  "server: %.0f and %.0f "
                  "handshakes/s of a core\n",
                  b->wanted, s, b->again, client, server, n / client, n / server);
    double own = rss_mb(getpid()), its = rss_mb(b->server);
    (void)fprintf(stderr,
                  "memory: client %.1f MB (%.1f before), server %.1f MB (%.1f before): %.1f and "
                  "%.1f KB a session\n",
                  own, rss, its, rss_server, (own - rss) * 1024 / n, (its - rss_server) * 1024 / n);
}

int main(int argc, char **argv) {
    static const struct link_events events = {.up = client_up, .down = client_down};
    struct bench b = {.wanted = argc > 1 ? strtoul(argv[1], NULL, 10) : 9900,
                      .rate = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000,
                      .seconds = argc > 3 ? strtoul(argv[3], NULL, 10) : 10,
                      .random = 1};
    struct rlimit files;
    int pipes[2];
    uint16_t port = 0;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur != RLIM_INFINITY && b.wanted > files.rlim_cur - SPARE_DESCRIPTORS) {
        b.wanted = files.rlim_cur - SPARE_DESCRIPTORS;
        (void)fprintf(stderr, "descriptors allow %zu sessions\n", b.wanted);
    }
    if (b.wanted == 0 || pipe(pipes) < 0 || (b.server = fork()) < 0)
        die("fork", NULL);
    if (b.server == 0) {
        serve(pipes[1]);
        return 0;
    }
    if (read(pipes[0], &port, sizeof port) != (ssize_t)sizeof port)
        die("pipe", NULL);
    init(&b, 1, &events);
    static const uint8_t server_seed[TLS_SEED_BYTES] = {2};
    struct tls *server = NULL;
    if (tls_new(server_seed, &server, NULL) < 0)
        die("key", NULL);
    b.expect = tls_key(server);
    b.to = (struct net_addr){.ip = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}, .port = port};
    b.links = mem_zalloc(b.wanted * sizeof *b.links);
    if (!b.links)
        die("memory", NULL);
    measure_setup(&b);
    measure_requests(&b);
    measure_silence(&b);
    (void)kill(b.server, SIGTERM);
    (void)waitpid(b.server, NULL, 0);
    _exit(0); // ten thousand goodbyes to a process that has gone say nothing
}
