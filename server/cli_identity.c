// paired identity …: our own keys, as far as people deal with them.
#include "server/cli_ask.h"
#include "server/cli_commands.h"
#include "server/cli_models.h"
#include "server/cli_print.h"

#include <string.h>

int cli_run_identity(const struct cli_line *line) {
    json_t *found = NULL;
    int code = cli_models_call(line, "identity show", json_object(), &found);
    if (code >= 0)
        return code;
    if (line->json) {
        cli_out_json(found);
        return CLI_OK;
    }
    bool stowed = json_is_true(json_object_get(found, "stowed"));
    cli_out("identity  %s\ndevice    %s\nkey       %s\n", cli_models_word(found, "short"),
            cli_models_word(found, "device"),
            stowed ? "on paper alone" : "here; paired identity words shows it for paper");
    json_decref(found);
    return CLI_OK;
}

static int show_words(const struct cli_line *line, json_t *found, const char *note) {
    if (line->json)
        cli_out_json(json_incref(found));
    else {
        cli_out("%s\n", cli_models_word(found, "words"));
        cli_note("%s", note);
    }
    json_decref(found);
    return CLI_OK;
}

int cli_run_identity_words(const struct cli_line *line) {
    json_t *found = NULL;
    int code = cli_models_call(line, "identity words", json_object(), &found);
    return code >= 0 ? code
                     : show_words(line, found,
                                  "whoever has these words is you: write them on paper, and keep "
                                  "no file of them");
}

int cli_run_identity_stow(const struct cli_line *line) {
    int exit_code = CLI_OK;
    if (!cli_confirm(line,
                     "The identity's key leaves this machine. Certifying, rotating and revoking "
                     "then ask for the words that you have on paper (paired identity words); "
                     "without them the identity is lost.",
                     "stow", &exit_code))
        return exit_code;
    return cli_models_do(line, "identity stow", json_object(), "the key is on your paper alone");
}

static int with_words(const struct cli_line *line, const char *capability, const char *done) {
    char words[CLI_SECRET_BYTES_MAX];
    struct err err = {0};
    int r = cli_read_secret("The words: ", false, words, &err);
    if (r < 0)
        return cli_fail(r, &err, line->json);
    json_t *arguments = json_pack("{so}", "words", cli_json_text(words));
    explicit_bzero(words, sizeof words);
    return cli_models_do(line, capability, arguments, done);
}

int cli_run_identity_unstow(const struct cli_line *line) {
    return with_words(line, "identity unstow", "the key is here again");
}

int cli_run_identity_restore(const struct cli_line *line) {
    int exit_code = CLI_OK;
    if (!cli_confirm(line,
                     "This engine becomes a new device of the identity whose words you give; the "
                     "identity it has now is gone unless you have its words, and those who are "
                     "paired with it have to pair again.",
                     "restore", &exit_code))
        return exit_code;
    return with_words(line, "identity restore", "restored, with a new device");
}

int cli_run_identity_rotate(const struct cli_line *line) {
    int exit_code = CLI_OK;
    json_t *found = NULL;
    if (!cli_confirm(line,
                     "A new key takes the identity's place, signed by the old one; friends follow "
                     "it by themselves. The words on your paper are worth nothing afterwards.",
                     "rotate", &exit_code))
        return exit_code;
    int code = cli_models_call(line, "identity rotate", json_object(), &found);
    return code >= 0 ? code
                     : show_words(line, found,
                                  "these are the new words; your other devices need them: paired "
                                  "identity restore");
}

int cli_run_identity_revoke(const struct cli_line *line) {
    int exit_code = CLI_OK;
    if (!cli_confirm(line,
                     "The device is believed no more, for good, by any friend that hears of it.",
                     "revoke", &exit_code))
        return exit_code;
    return cli_models_do(line, "identity revoke",
                         json_pack("{so}", "device", cli_json_text(line->operands[0])), "revoked");
}
