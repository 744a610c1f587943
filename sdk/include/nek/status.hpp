// SPDX-License-Identifier: Apache-2.0
// Status and Result: how a function says that it failed, with text and place.
// An error is a value that is handed up; plugin.hpp gives its text to the host at the C boundary.
// Not thread-safe; copies are independent.
#pragma once
#include <string>
#include <utility>
#include <variant>

#include "nek/plugin.h"

namespace nek {

class [[nodiscard]] Status {
 public:
  Status() = default;  // NEK_OK
  // `at`: the configuration node that is to blame, see Host::at().
  explicit Status(nek_status code, std::string message = {}, const nek_value* at = nullptr)
      : code_(code), at_(at), message_(std::move(message)) {}

  bool ok() const { return code_ == NEK_OK; }
  nek_status code() const { return code_; }
  const std::string& message() const { return message_; }
  const nek_value* at() const { return at_; }

 private:
  nek_status code_ = NEK_OK;
  const nek_value* at_ = nullptr;
  std::string message_;
};

inline Status fail(std::string message) { return Status(NEK_FAIL, std::move(message)); }
inline Status fail_at(const nek_value* at, std::string message) {
  return Status(NEK_FAIL, std::move(message), at);
}
// read and write: not now, as if never called.
inline Status retry(std::string message) { return Status(NEK_RETRY, std::move(message)); }
// Steps: the whole batch goes to the dead letters.
inline Status refuse(std::string message) { return Status(NEK_REFUSE, std::move(message)); }
// read: nothing will come any more.
inline Status end() { return Status(NEK_END); }

// A value, or why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Status status) : value_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  Status status() const { return ok() ? Status() : std::get<Status>(value_); }
  T& operator*() { return std::get<T>(value_); }
  const T& operator*() const { return std::get<T>(value_); }
  T* operator->() { return &std::get<T>(value_); }
  const T* operator->() const { return &std::get<T>(value_); }

 private:
  std::variant<T, Status> value_;
};

}  // namespace nek
