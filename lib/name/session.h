/*
 * session.h - how long the names of sessions and devices are, wherever one
 * stands: in a token, in the file of accounts, in Redis.
 */
#ifndef WP_LIB_NAME_SESSION_H
#define WP_LIB_NAME_SESSION_H

enum {
	WP_SID_LEN = 16,    /* bytes of a session's id, which is random */
	WP_DEVICE_MAX = 64, /* bytes of a device's, [A-Za-z0-9._-] */
};

#endif /* WP_LIB_NAME_SESSION_H */
