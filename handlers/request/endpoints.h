/*
 * endpoints.h - what can be asked for: the one table, of which paths, answers
 * to OPTIONS, log lines and metrics are made.
 *
 * A new endpoint is a row here, and wp_handle_<name>() in a file of its own.
 */
#ifndef WP_HANDLERS_REQUEST_ENDPOINTS_H
#define WP_HANDLERS_REQUEST_ENDPOINTS_H

#include "lib/auth/scope.h"

#include "handlers/request/req.h"

/*
 * name:         what logs and metrics call it, as "route"
 * path, alias:  exactly these; NULL when there is no alias
 * methods:      a set; several rows may have one path, each with methods of its
 *               own. OPTIONS is answered for all endpoints alike
 * who:          may ask?
 *               USER: who has a mailbox, with a token
 *               KEY(scope): a back end whose key has this scope (lib/auth)
 *               EITHER(scope): both
 *               ANYBODY: who has something in the body, or wants nothing
 *               private
 *               PROBE: anybody, every few seconds: logged at debug
 * limit:        the class of a user's limit (lib/limit/rates.h); of ANYBODY, of
 *               the address's, which what becomes of it is charged to. NONE:
 *               probes have none, nor has who is not known. A key has one of
 *               its own for all that it may do
 * need:         WORK: Redis or the cold store, so too many of them at a time
 *               are turned away
 *               NONE: neither, or one look for all who ask (ready.h)
 */
#define WP_ENDPOINTS(ROW)                                                      \
	ROW(send, "/api/send", "/send", WP_POST, EITHER(SEND), SEND, WORK)     \
	ROW(send_batch, "/api/send/batch", "/send/batch", WP_POST,             \
	    EITHER(SEND), SEND, WORK)                                          \
	ROW(messages, "/api/messages", "/messages", WP_GET, USER, PULL, WORK)  \
	ROW(ack, "/api/messages/ack", "/messages/ack", WP_POST, USER, ACK,     \
	    WORK)                                                              \
	ROW(presence, "/api/presence", NULL, WP_GET, EITHER(PRESENCE),         \
	    PRESENCE, WORK)                                                    \
	ROW(notify, "/api/notify", NULL, WP_POST, KEY(NOTIFY), KEY, WORK)      \
	ROW(ticket, "/api/ticket", NULL, WP_POST, USER, TICKET, WORK)          \
	ROW(devices, "/api/devices", NULL, WP_GET, USER, DEVICES, WORK)        \
	ROW(devices_add, "/api/devices", NULL, WP_POST, USER, DEVICES, WORK)   \
	ROW(devices_remove, "/api/devices", NULL, WP_DELETE, USER, DEVICES,    \
	    WORK)                                                              \
	ROW(devices_test, "/api/devices/test", NULL, WP_POST, USER, PUSH_TEST, \
	    WORK)                                                              \
	ROW(devices_verify, "/api/devices/verify", NULL, WP_POST, USER,        \
	    DEVICES, WORK)                                                     \
	ROW(register_device, "/register-device", NULL, WP_POST, USER, DEVICES, \
	    WORK)                                                              \
	ROW(register_fcm, "/api/v1/register/fcm", NULL, WP_POST, USER,         \
	    DEVICES, WORK)                                                     \
	ROW(register_web, "/api/v1/register/web", NULL, WP_POST, USER,         \
	    DEVICES, WORK)                                                     \
	ROW(unregister_fcm, "/api/v1/unregister/fcm", NULL, WP_POST, USER,     \
	    DEVICES, WORK)                                                     \
	ROW(unregister_web, "/api/v1/unregister/web", NULL, WP_POST, USER,     \
	    DEVICES, WORK)                                                     \
	ROW(push_prefs, "/api/push/preferences", NULL, WP_GET, USER, DEVICES,  \
	    WORK)                                                              \
	ROW(push_prefs_put, "/api/push/preferences", NULL, WP_PUT, USER,       \
	    DEVICES, WORK)                                                     \
	ROW(push_unsubscribe_page, "/api/push/unsubscribe", NULL, WP_GET,      \
	    ANYBODY, NONE, NONE)                                               \
	ROW(push_unsubscribe, "/api/push/unsubscribe", NULL, WP_POST, ANYBODY, \
	    NONE, WORK)                                                        \
	ROW(auth_register, "/api/auth/register", "/auth/register", WP_POST,    \
	    ANYBODY, REGISTER, WORK)                                           \
	ROW(auth_login, "/api/auth/login", "/auth/login", WP_POST, ANYBODY,    \
	    LOGIN, WORK)                                                       \
	ROW(auth_password, "/api/auth/password", NULL, WP_POST, USER, SESSION, \
	    WORK)                                                              \
	ROW(auth_password_reset, "/api/auth/password/reset", NULL, WP_POST,    \
	    ANYBODY, LOGIN, WORK)                                              \
	ROW(auth_recovery, "/api/auth/recovery", NULL, WP_POST, USER, SESSION, \
	    WORK)                                                              \
	ROW(auth_account_delete, "/api/auth/account/delete", NULL, WP_POST,    \
	    USER, SESSION, WORK)                                               \
	ROW(auth_refresh, "/api/auth/refresh", NULL, WP_POST, ANYBODY, NONE,   \
	    WORK)                                                              \
	ROW(auth_logout, "/api/auth/logout", NULL, WP_POST, ANYBODY, NONE,     \
	    WORK)                                                              \
	ROW(auth_sessions, "/api/auth/sessions", NULL, WP_GET, USER, SESSION,  \
	    WORK)                                                              \
	ROW(auth_sessions_revoke, "/api/auth/sessions/revoke", NULL, WP_POST,  \
	    USER, SESSION, WORK)                                               \
	ROW(auth_backchannel_logout, "/api/auth/backchannel-logout", NULL,     \
	    WP_POST, ANYBODY, NONE, WORK)                                      \
	ROW(jwks, "/.well-known/jwks.json", NULL, WP_GET, ANYBODY, NONE, NONE) \
	ROW(oauth_server, "/.well-known/oauth-authorization-server", NULL,     \
	    WP_GET, ANYBODY, NONE, NONE)                                       \
	ROW(admin_revoke, "/api/admin/revoke", NULL, WP_POST, KEY(REVOKE),     \
	    KEY, WORK)                                                         \
	ROW(admin_accounts, "/api/admin/accounts", NULL, WP_POST,              \
	    KEY(ACCOUNTS), KEY, WORK)                                          \
	ROW(admin_accounts_state, "/api/admin/accounts/state", NULL, WP_POST,  \
	    KEY(ACCOUNTS), KEY, WORK)                                          \
	ROW(admin_accounts_reset_code, "/api/admin/accounts/reset-code", NULL, \
	    WP_POST, KEY(ACCOUNTS), KEY, WORK)                                 \
	ROW(admin_invites, "/api/admin/invites", NULL, WP_POST, KEY(ACCOUNTS), \
	    KEY, WORK)                                                         \
	ROW(healthz, "/healthz", NULL, WP_GET | WP_HEAD, PROBE, NONE, NONE)    \
	ROW(readyz, "/readyz", NULL, WP_GET | WP_HEAD, PROBE, NONE, NONE)

/* The rows in their order, and what is counted as no endpoint at all. */
#define WP_ENDPOINT_ID(name, ...) WP_ENDPOINT_##name,
enum wp_endpoint_id {
	WP_ENDPOINTS(WP_ENDPOINT_ID) WP_ENDPOINT_none,
	WP_ENDPOINT_COUNT
};
#undef WP_ENDPOINT_ID

#endif /* WP_HANDLERS_REQUEST_ENDPOINTS_H */
