/* SPDX-License-Identifier: Apache-2.0
 * C11's threads by POSIX's, for TSan: it knows the second kind only, and Debian's librdkafka uses
 * the first. Preloaded by tests in the tsan preset; in glibc both have the same form. */
#define _XOPEN_SOURCE 700 /* recursive mutexes */
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "a mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "a cnd_t is a pthread_cond_t");

#define MUTEX(m) ((pthread_mutex_t*)(void*)(m))
#define CONDITION(c) ((pthread_cond_t*)(void*)(c))
#define RESULT(call) ((call) == 0 ? thrd_success : thrd_error)
#define EXPORT __attribute__((visibility("default")))

struct start {
  thrd_start_t function;
  void* argument;
};

static void* run(void* of) {
  const struct start start = *(struct start*)of;
  free(of);
  start.function(start.argument);
  return NULL;
}

EXPORT int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  struct start* start = malloc(sizeof *start);
  if (!start) return thrd_nomem;
  start->function = function;
  start->argument = argument;
  return RESULT(pthread_create(thread, NULL, run, start));
}
EXPORT int thrd_join(thrd_t thread, int* result) {
  if (result) *result = 0;
  return RESULT(pthread_join(thread, NULL));
}
EXPORT int thrd_detach(thrd_t thread) { return RESULT(pthread_detach(thread)); }

EXPORT int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if (type & mtx_recursive) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  return RESULT(pthread_mutex_init(MUTEX(mutex), &attributes));
}
EXPORT int mtx_lock(mtx_t* mutex) { return RESULT(pthread_mutex_lock(MUTEX(mutex))); }
EXPORT int mtx_trylock(mtx_t* mutex) {
  return pthread_mutex_trylock(MUTEX(mutex)) == 0 ? thrd_success : thrd_busy;
}
EXPORT int mtx_unlock(mtx_t* mutex) { return RESULT(pthread_mutex_unlock(MUTEX(mutex))); }
EXPORT void mtx_destroy(mtx_t* mutex) { pthread_mutex_destroy(MUTEX(mutex)); }

EXPORT int cnd_init(cnd_t* condition) {
  return RESULT(pthread_cond_init(CONDITION(condition), NULL));
}
EXPORT int cnd_signal(cnd_t* condition) {
  return RESULT(pthread_cond_signal(CONDITION(condition)));
}
EXPORT int cnd_broadcast(cnd_t* condition) {
  return RESULT(pthread_cond_broadcast(CONDITION(condition)));
}
EXPORT int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return RESULT(pthread_cond_wait(CONDITION(condition), MUTEX(mutex)));
}
EXPORT int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const struct timespec* until) {
  return pthread_cond_timedwait(CONDITION(condition), MUTEX(mutex), until) == 0 ? thrd_success
                                                                                : thrd_timedout;
}
EXPORT void cnd_destroy(cnd_t* condition) { pthread_cond_destroy(CONDITION(condition)); }
