/*
 * json_scan.h - between json.c and json_scan.c only; callers use json.h.
 */
#ifndef WP_LIB_BASE_JSON_SCAN_H
#define WP_LIB_BASE_JSON_SCAN_H

#include <stdbool.h>

#include "lib/base/json.h"

/* Read the string whose opening quote is at js->pos; false sets js->err. */
bool wp_json_scan_string(struct wp_json *js, struct wp_json_slice *out);

/* Read the number whose first character is at js->pos; false sets js->err. */
bool wp_json_scan_number(struct wp_json *js, struct wp_json_slice *out);

#endif /* WP_LIB_BASE_JSON_SCAN_H */
