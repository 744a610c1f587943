// SPDX-License-Identifier: Apache-2.0
#include "util/thread.h"

#include <pthread.h>

#include <string>

namespace nek {

constexpr size_t kLongest = 15;  // Linux takes no name that is longer

void name_thread(std::thread& thread, std::string_view name) {
  // Without a name it runs as well.
  (void)pthread_setname_np(thread.native_handle(), std::string(name.substr(0, kLongest)).c_str());
}

}  // namespace nek
