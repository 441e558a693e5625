/*
 * hex.h - hexadecimal digits, one by one and in rows.
 */
#ifndef WP_LIB_BASE_HEX_H
#define WP_LIB_BASE_HEX_H

#include <stddef.h>

/* What a digit of either case stands for, 0 to 15; -1 when c is none. */
int wp_hex_value(char c);

/* The lower-case digit of the four lowest bits. */
char wp_hex_digit(unsigned int value);

/* Write 2*len lower-case digits and a NUL. */
void wp_hex_write(char *text, const void *data, size_t len);

#endif /* WP_LIB_BASE_HEX_H */
