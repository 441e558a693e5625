/*
 * hex.c - what is a hexadecimal digit.
 */
#include "lib/base/hex.h"

int wp_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char wp_hex_digit(unsigned int value)
{
	return "0123456789abcdef"[value & 0xf];
}

void wp_hex_write(char *text, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (; len > 0; len--, bytes++) {
		*text++ = wp_hex_digit(*bytes >> 4);
		*text++ = wp_hex_digit(*bytes);
	}
	*text = '\0';
}
