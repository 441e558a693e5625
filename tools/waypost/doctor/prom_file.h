/*
 * prom_file.h - what came of a canary, for the textfile collector of
 * Prometheus' node exporter.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_PROM_FILE_H
#define WP_TOOLS_WAYPOST_DOCTOR_PROM_FILE_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "tools/waypost/doctor/canary.h"

/*
 * Put a whole file in the place of the one before. A file that grows old is how
 * an alert sees that nobody flies any more.
 *
 * Errors:  WP_ERR_SYS  and the one before is as it was
 */
enum wp_err wp_prom_file_write(const char *path, bool is_well,
			       const struct wp_canary_times *times,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_DOCTOR_PROM_FILE_H */
