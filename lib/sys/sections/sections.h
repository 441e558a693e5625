/*
 * sections.h - the tables that a program can name as those that it uses.
 */
#ifndef WP_LIB_SYS_SECTIONS_SECTIONS_H
#define WP_LIB_SYS_SECTIONS_SECTIONS_H

#include "lib/sys/conf_section.h"

extern const struct wp_conf_section wp_conf_log;          /* all, but */
extern const struct wp_conf_section wp_conf_log_requests; /* handlers */
extern const struct wp_conf_section wp_conf_redis;
extern const struct wp_conf_section wp_conf_mailbox;
extern const struct wp_conf_section wp_conf_tokens;   /* auth, but */
extern const struct wp_conf_section wp_conf_issuers;  /* these */
extern const struct wp_conf_section wp_conf_api_keys; /* four */
extern const struct wp_conf_section wp_conf_store_secret;
extern const struct wp_conf_section wp_conf_accounts; /* accounts, but */
extern const struct wp_conf_section wp_conf_accounts_sessions; /* these */
extern const struct wp_conf_section wp_conf_accounts_file;
extern const struct wp_conf_section wp_conf_revocation;
extern const struct wp_conf_section wp_conf_registration;
extern const struct wp_conf_section wp_conf_key_fetch;
extern const struct wp_conf_section wp_conf_keys;
extern const struct wp_conf_section wp_conf_cors;
extern const struct wp_conf_section wp_conf_handlers;
extern const struct wp_conf_section wp_conf_worker;
extern const struct wp_conf_section wp_conf_websocket; /* all, but what */
extern const struct wp_conf_section wp_conf_beat;      /* workers must know */
extern const struct wp_conf_section wp_conf_presence;
extern const struct wp_conf_section wp_conf_limits;
extern const struct wp_conf_section wp_conf_push;         /* all, but */
extern const struct wp_conf_section wp_conf_push_devices; /* these */
extern const struct wp_conf_section wp_conf_push_out;     /* three */
extern const struct wp_conf_section wp_conf_push_mail;
extern const struct wp_conf_section wp_conf_notifier;
extern const struct wp_conf_section wp_conf_bus;
extern const struct wp_conf_section wp_conf_store;  /* which backend */
extern const struct wp_conf_section wp_conf_sqlite; /* in store as well */

/* All of them, in the order of web-config/waypost.yaml; ends with NULL. */
extern const struct wp_conf_section *const wp_conf_sections[];

#endif /* WP_LIB_SYS_SECTIONS_SECTIONS_H */
