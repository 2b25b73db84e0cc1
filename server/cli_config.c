// paired config …
#include "server/cli_config.h"
#include "core/base/conf.h"
#include "core/base/dirs.h"
#include "server/attach.h"
#include "server/cli_commands.h"
#include "server/cli_print.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const origins[] = {"default", "user",        "workspace",
                                      "editor",  "environment", "flag"};

int cli_config_path(const struct cli_line *line, char out[CLI_CONFIG_PATH_MAX], struct err *err) {
    struct dirs dirs;
    int r = dirs_resolve(line->profile, &dirs, err);
    if (r == 0)
        (void)snprintf(out, CLI_CONFIG_PATH_MAX, "%s/config.json", dirs.config);
    return r;
}

static int add_file(struct cli_config *c, const char *path, enum conf_origin origin) {
    struct err err = {0};
    size_t count = 0;
    size_t room = CLI_CONFIG_PROBLEMS_MAX - c->count;
    int r = conf_load_file(c->conf, path, origin, c->problems + c->count, room, &count, &err);
    c->count += count;
    if (r < 0 && c->count < CLI_CONFIG_PROBLEMS_MAX)
        (void)snprintf(c->problems[c->count++].text, sizeof c->problems[0].text, "%s",
                       err_text(&err));
    return r;
}

int cli_config_load(const struct cli_line *line, struct cli_config *ret, struct err *err) {
    char path[CLI_CONFIG_PATH_MAX];
    char workspace[DIRS_PATH_BYTES_MAX];
    struct err why = {0};
    *ret = (struct cli_config){0};
    int r = cli_config_path(line, path, err);
    if (r == 0)
        r = conf_new(&ret->conf, err);
    if (r < 0)
        return r;
    (void)add_file(ret, path, CONF_USER); // its problems are what was asked for
    if (attach_workspace(line->workspace, workspace)) {
        (void)snprintf(path, sizeof path, "%s/.paired/config.json", workspace);
        (void)add_file(ret, path, CONF_WORKSPACE);
    }
    if (conf_load_environment(ret->conf, environ, &why) < 0 && ret->count < CLI_CONFIG_PROBLEMS_MAX)
        (void)snprintf(ret->problems[ret->count++].text, sizeof ret->problems[0].text, "%s",
                       err_text(&why));
    return 0;
}

int cli_config_add_prices(struct cli_config *c, const struct cli_line *line,
                          struct cli_engine *running, struct err *err) {
    struct dirs dirs;
    char path[CLI_CONFIG_PATH_MAX];
    struct cli_engine *e = running;
    json_t *answer = NULL;
    int r = dirs_resolve(line->profile, &dirs, err);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof path, "%s/models.json", dirs.config);
    if (access(path, F_OK) < 0 || c->count == CLI_CONFIG_PROBLEMS_MAX)
        return 0;
    if (!e)
        r = cli_engine_open(line, true, &e, err);
    if (r == 0)
        r = cli_engine_call(e, &(struct cli_call){.capability = "config check"}, &answer, err);
    const char *why =
        json_string_value(json_object_get(json_object_get(answer, "structured"), "prices"));
    if (why)
        (void)snprintf(c->problems[c->count++].text, sizeof c->problems[0].text, "%s: %s", path,
                       why);
    json_decref(answer);
    if (!running)
        cli_engine_close(e);
    return r;
}

static json_t *value_of(const struct conf *conf, const struct conf_option *o) {
    if (o->type == CONF_BOOL)
        return json_boolean(conf_bool(conf, o->key));
    if (o->type == CONF_INT)
        return json_integer(conf_int(conf, o->key));
    if (o->type == CONF_LIST)
        return json_loads(conf_string(conf, o->key), 0, NULL);
    return json_string(conf_string(conf, o->key));
}

static void warn(const struct cli_config *c) {
    for (size_t i = 0; i < c->count; i++)
        cli_note("%s", c->problems[i].text);
}

static json_t *show_json(const struct cli_line *line, const struct conf *conf) {
    json_t *all = json_object();
    for (const struct conf_option *o = conf_options; o->key; o++) {
        const char *where = NULL;
        enum conf_origin origin = conf_origin_of(conf, o->key, &where);
        json_t *v = value_of(conf, o);
        if (cli_given(line, "origin"))
            v = json_pack("{so ss ss*}", "value", v, "origin", origins[origin], "where", where);
        (void)json_object_set_new(all, o->key, v);
    }
    return all;
}

int cli_run_config_show(const struct cli_line *line) {
    struct cli_config c;
    struct err err = {0};
    int r = cli_config_load(line, &c, &err);
    if (r < 0) {
        conf_free(c.conf);
        return cli_fail(r, &err, line->json);
    }
    warn(&c);
    if (line->json)
        cli_out_json(show_json(line, c.conf));
    for (const struct conf_option *o = conf_options; o->key && !line->json; o++) {
        const char *where = NULL;
        enum conf_origin origin = conf_origin_of(c.conf, o->key, &where);
        cli_out("%-26s %s%s%s", o->key, cli_style(origin ? CLI_BOLD : CLI_PLAIN),
                conf_string(c.conf, o->key), cli_style(CLI_RESET));
        if (cli_given(line, "origin"))
            cli_out("%*s %s", (int)(14 - strlen(conf_string(c.conf, o->key))), "",
                    where ? where : origins[origin]);
        cli_out("\n");
    }
    conf_free(c.conf);
    return CLI_OK;
}

static const struct conf_option *known(const char *key) {
    const struct conf_option *o = conf_find(key);
    if (!o)
        cli_error("no such setting: %s (paired config show lists them)", key);
    return o;
}

int cli_run_config_get(const struct cli_line *line) {
    struct cli_config c;
    struct err err = {0};
    const struct conf_option *o = known(line->operands[0]);
    if (!o)
        return CLI_FAILED;
    int r = cli_config_load(line, &c, &err);
    if (r < 0) {
        conf_free(c.conf);
        return cli_fail(r, &err, line->json);
    }
    warn(&c);
    if (line->json)
        cli_out_json(value_of(c.conf, o));
    else
        cli_out("%s\n", conf_string(c.conf, o->key));
    conf_free(c.conf);
    return CLI_OK;
}

static int write_key(const struct cli_line *line, const char *value) {
    char path[CLI_CONFIG_PATH_MAX];
    struct err err = {0};
    int r = cli_config_path(line, path, &err);
    if (r == 0)
        r = conf_file_set(path, line->operands[0], value, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    if (line->json)
        cli_out_json(json_pack("{so so}", "path", cli_json_text(path), "key",
                               cli_json_text(line->operands[0])));
    else
        cli_note("written to %s; the engine takes it at its next start (paired stop)", path);
    return CLI_OK;
}

int cli_run_config_set(const struct cli_line *line) {
    return write_key(line, line->operands[1]);
}

int cli_run_config_unset(const struct cli_line *line) {
    return write_key(line, NULL);
}

int cli_run_config_check(const struct cli_line *line) {
    struct cli_config c;
    struct err err = {0};
    int r = cli_config_load(line, &c, &err);
    conf_free(c.conf);
    if (r == 0)
        r = cli_config_add_prices(&c, line, NULL, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    if (line->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < c.count; i++)
            (void)json_array_append_new(list, cli_json_text(c.problems[i].text));
        cli_out_json(json_pack("{sb so}", "ok", c.count == 0, "problems", list));
    } else {
        for (size_t i = 0; i < c.count; i++)
            cli_out("%s\n", c.problems[i].text);
        if (!c.count)
            cli_note("nothing to complain about");
    }
    return c.count ? CLI_DEGRADED : CLI_OK;
}

int cli_run_config_schema(const struct cli_line *line) {
    AUTO_BUF text = BUF_INIT(0);
    (void)line;
    if (conf_schema(&text) < 0) {
        cli_error("out of memory");
        return CLI_FAILED;
    }
    cli_out_bytes(text.data, text.len);
    return CLI_OK;
}

int cli_run_config_path(const struct cli_line *line) {
    char path[CLI_CONFIG_PATH_MAX];
    struct err err = {0};
    int r = cli_config_path(line, path, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    if (line->json)
        cli_out_json(json_pack("{so}", "path", cli_json_text(path)));
    else
        cli_out("%s\n", path);
    return CLI_OK;
}
