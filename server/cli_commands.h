// What the rows of the command table call. Each returns an exit code (enum cli_exit).
#pragma once

#include "server/cli.h"

// cli_about.c
cli_run_fn cli_run_help, cli_run_completion, cli_run_version;
// cli_status.c
cli_run_fn cli_run_status, cli_run_stop;
// cli_memory.c
cli_run_fn cli_run_remember, cli_run_recall, cli_run_list, cli_run_show, cli_run_forget,
    cli_run_tags, cli_run_handoff, cli_run_resume;
// cli_agent.c
cli_run_fn cli_run_agent;
// cli_sessions.c
cli_run_fn cli_run_sessions_list, cli_run_sessions_show, cli_run_sessions_resume,
    cli_run_sessions_forget;
// cli_call.c
cli_run_fn cli_run_call;
// cli_config.c
cli_run_fn cli_run_config_show, cli_run_config_get, cli_run_config_set, cli_run_config_unset,
    cli_run_config_check, cli_run_config_schema, cli_run_config_path;
// cli_key.c
cli_run_fn cli_run_key_list, cli_run_key_passphrase, cli_run_key_file, cli_run_key_recovery,
    cli_run_key_remove, cli_run_key_rotate, cli_run_key_unlock, cli_run_key_lock;
// cli_data.c
cli_run_fn cli_run_export, cli_run_import, cli_run_erase, cli_run_repair;
// cli_setup.c
cli_run_fn cli_run_setup;
// cli_hook.c
cli_run_fn cli_run_hook;
// cli_doctor.c
cli_run_fn cli_run_doctor;
// cli_demo.c
cli_run_fn cli_run_demo;
// cli_models.c
cli_run_fn cli_run_backends, cli_run_backends_presets, cli_run_backends_add, cli_run_backends_test,
    cli_run_backends_find, cli_run_backends_remove, cli_run_backends_enable,
    cli_run_backends_disable;
// cli_pair.c
cli_run_fn cli_run_pair;
// cli_federation.c
cli_run_fn cli_run_federation, cli_run_federation_on, cli_run_federation_off,
    cli_run_federation_erase, cli_run_peers, cli_run_peers_address, cli_run_peers_rename,
    cli_run_peers_remove;
// cli_groups.c
cli_run_fn cli_run_groups, cli_run_groups_new, cli_run_groups_join, cli_run_groups_leave;
// cli_tasks.c
cli_run_fn cli_run_tasks, cli_run_tasks_show, cli_run_tasks_allow, cli_run_tasks_deny,
    cli_run_tasks_cancel, cli_run_tasks_policy, cli_run_tasks_agents;
// cli_identity.c
cli_run_fn cli_run_identity, cli_run_identity_words, cli_run_identity_stow, cli_run_identity_unstow,
    cli_run_identity_restore, cli_run_identity_rotate, cli_run_identity_revoke;
// cli_share.c
cli_run_fn cli_run_share_pattern, cli_run_share_template, cli_run_share_resource,
    cli_run_share_metric, cli_run_share_decision, cli_run_share_milestone, cli_run_share_list,
    cli_run_share_revoke;
// cli_arrivals.c
cli_run_fn cli_run_arrivals, cli_run_patterns_from, cli_run_accept, cli_run_reject,
    cli_run_reputation, cli_run_privacy;
// cli_gateway.c
cli_run_fn cli_run_gateway_run, cli_run_gateway_env, cli_run_gateway_cache;
// cli_consent.c
cli_run_fn cli_run_consent, cli_run_consent_grant, cli_run_consent_revoke, cli_run_consent_history;
// cli_usage.c
cli_run_fn cli_run_audit_list, cli_run_audit_verify, cli_run_audit_export, cli_run_usage;
// cli_audit.c
cli_run_fn cli_run_audit_prove, cli_run_audit_cosign;
// cli_budget.c
cli_run_fn cli_run_budget;
// cli_why.c
cli_run_fn cli_run_why;
