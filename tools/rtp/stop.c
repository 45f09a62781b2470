#include "stop.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t signalled;

static void on_signal(int number) {
  (void)number;
  signalled = 1;
}

void stop_install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = on_signal; /* no SA_RESTART: sleeping calls are to return */
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
}

bool stop_requested(void) {
  if (signalled)
    return true;

  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  if (poll(&input, 1, 0) != 1)
    return false;
  if (input.revents & (POLLIN | POLLHUP)) {
    char ignored[256];
    return read(STDIN_FILENO, ignored, sizeof(ignored)) == 0;
  }
  return true; /* closed or broken */
}
