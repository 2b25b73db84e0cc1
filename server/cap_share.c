// Rows of sharing, for the command line: nothing of it is a model's to decide.
#include "server/share.h"

#define ROW(name_, flags_, table, type, fn)                                                        \
    {                                                                                              \
        .name = (name_), .flags = CAP_CLI_ONLY | (flags_), .input = (table),                       \
        .input_size = sizeof(type), .run = (fn)                                                    \
    }

const struct capability capabilities_share[] = {
    ROW("share make", CAP_LONG, share_make_fields, struct share_make_input, share_make),
    ROW("share send", 0, share_send_fields, struct share_send_input, share_send),
    ROW("share take back", CAP_DESTRUCTIVE, share_take_back_fields, struct share_take_back_input,
        share_take_back),
    ROW("share list", CAP_READ_ONLY, share_list_fields, struct share_list_input, share_list),
    ROW("share arrivals", 0, share_list_fields, struct share_list_input, share_arrivals),
    ROW("share judge", 0, share_judge_fields, struct share_judge_input, share_judge),
    ROW("share reputation", CAP_READ_ONLY, share_list_fields, struct share_list_input,
        share_reputation),
    {.name = "share privacy", .flags = CAP_CLI_ONLY | CAP_READ_ONLY, .run = share_privacy},
    {0},
};
