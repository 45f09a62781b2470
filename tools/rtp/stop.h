/*
 * How both tools are told to stop: SIGTERM, SIGINT, or the end of their standard input, which also comes when whoever started them
 * dies without a word.
 */
#ifndef MPH_RTP_STOP_H
#define MPH_RTP_STOP_H

#include <stdbool.h>

/* Signals set a flag and interrupt whatever sleeps. Call once, first. */
void stop_install(void);

/* Whether a signal came or standard input ended. One poll(2); what is written to standard input is read and ignored. */
bool stop_requested(void);

#endif
