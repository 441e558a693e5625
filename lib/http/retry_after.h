/*
 * retry_after.h - when somebody wants to be asked again (RFC 9110 section
 * 10.2.3): seconds, or a date in any of its three forms.
 */
#ifndef WP_LIB_HTTP_RETRY_AFTER_H
#define WP_LIB_HTTP_RETRY_AFTER_H

#include <stdint.h>

/* Nobody is believed who says less or more. */
enum { WP_RETRY_AFTER_MIN_S = 1, WP_RETRY_AFTER_MAX_S = 3600 };

/*
 * text:     of the header; NULL: there was none
 * now_s:    wall clock, since 1970
 * Returns:  seconds from now, within the bounds above; 0: nothing is said
 */
int64_t wp_retry_after(const char *text, int64_t now_s);

#endif /* WP_LIB_HTTP_RETRY_AFTER_H */
