/*
 * descriptors.h - file descriptors: the first three, and how many there may be.
 */
#ifndef WP_LIB_SYS_DESCRIPTORS_H
#define WP_LIB_SYS_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Put /dev/null where descriptors 0 to 2 are closed; the first call of a
 * program. Otherwise its first socket would be one of them, and what is meant
 * for standard error would be written into it.
 *
 * Returns:  false when that cannot be had: go no further, tell nobody
 */
bool wp_descriptors_begin(void);

/*
 * Take all descriptors that we may have.
 *
 * Returns:  how many, as far as known; UINT64_MAX when there is no limit
 */
uint64_t wp_descriptors_raise(void);

#endif /* WP_LIB_SYS_DESCRIPTORS_H */
