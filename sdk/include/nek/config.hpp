// SPDX-License-Identifier: Apache-2.0
// Options: each is declared once, bound to a member of a plain struct.
// From that declaration come the table that the host checks and documents, and the filled struct.
// Thread-safe after construction: tables are constants.
//
//   struct Config { std::string field; uint16_t port; };
//
//   constexpr auto kOptions = nek::options<Config>(
//       nek::option<&Config::field>("field", "Column to read.", {.type = "field"}),
//       nek::option<&Config::port>("port", "Where to listen.", {.fallback = "2055"}));
//
//   member                                       option type
//   bool                                         flag
//   any integer, float or double                 integer, real
//   std::string                                  text; or path, secret, field when .type says so
//   std::chrono::milliseconds, nek::Bytes        duration, bytes
//   std::vector<std::string>                     list
//   std::map<std::string, std::string>, or a     map with any keys
//     vector of pairs, which keeps the order
//   a struct with options of its own             map: nek::option<&Config::tls, kTlsOptions>(...)
//   an enum                                      text; .range = "a|b|c" names its values 0, 1, 2
//   std::optional of any of these                as these; left empty when not written
//   const nek_value*                             as .type says; the node itself, for the rest
#pragma once
#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "nek/plugin.h"
#include "nek/status.hpp"
#include "nek/text.hpp"

namespace nek {

// A number of bytes: option type `bytes` (64KiB, 1MB), where a plain integer would take no unit.
struct Bytes {
  uint64_t count = 0;
  constexpr operator uint64_t() const { return count; }  // NOLINT(google-explicit-constructor)
};

using StringPairs = std::vector<std::pair<std::string, std::string>>;

// What an option may say besides its name and its sentence.
struct OptionExtra {
  const char* type = nullptr;  // for texts: "path", "secret", "field"
  const char* fallback =
      nullptr;  // YAML of the default; none: required; "": the member stays as it is
  const char* range = nullptr;       // "1..65535", "a|b"
  const char* deprecated = nullptr;  // what to use instead
};

// The item of a map, or nullptr.
inline const nek_value* find(const nek_value& map, std::string_view key) {
  for (uint32_t i = 0; i < map.count; i++) {
    if (to_view(map.items[i].key) == key) return &map.items[i];
  }
  return nullptr;
}

namespace detail {

template <class M>
struct Member;
template <class C, class M>
struct Member<M C::*> {
  using Type = M;
};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
constexpr const char* option_type() {
  if constexpr (IsOptional<T>::value) {
    return option_type<typename T::value_type>();
  } else if constexpr (std::same_as<T, bool>) {
    return "flag";
  } else if constexpr (std::integral<T>) {
    return "integer";
  } else if constexpr (std::floating_point<T>) {
    return "real";
  } else if constexpr (std::same_as<T, std::chrono::milliseconds>) {
    return "duration";
  } else if constexpr (std::same_as<T, Bytes>) {
    return "bytes";
  } else if constexpr (std::same_as<T, std::vector<std::string>>) {
    return "list";
  } else if constexpr (std::same_as<T, std::string> || std::is_enum_v<T>) {
    return "text";
  } else {
    return "map";
  }
}

inline std::string to_string(nek_text text) { return std::string(to_view(text)); }

// Index of `word` in "a|b|c"; the host has checked that it is there.
inline size_t word_index(std::string_view words, std::string_view word) {
  for (size_t index = 0;; index++) {
    const size_t bar = words.find('|');
    if (bar == std::string_view::npos || words.substr(0, bar) == word) return index;
    words.remove_prefix(bar + 1);
  }
}

inline Status read(const nek_value& from, bool& to) {
  to = from.integer != 0;
  return {};
}
template <class T>
  requires std::integral<T> && (!std::same_as<T, bool>)
Status read(const nek_value& from, T& to) {
  if (!std::in_range<T>(from.integer)) {
    constexpr auto kMax = uint64_t{std::numeric_limits<T>::max()};
    return fail_at(&from, "must be between " + std::to_string(std::numeric_limits<T>::min()) +
                              " and " + std::to_string(kMax));
  }
  to = static_cast<T>(from.integer);
  return {};
}
template <std::floating_point T>
Status read(const nek_value& from, T& to) {
  to = static_cast<T>(from.kind == NEK_INTEGER ? static_cast<double>(from.integer) : from.real);
  return {};
}
inline Status read(const nek_value& from, std::chrono::milliseconds& to) {
  to = std::chrono::milliseconds(from.integer);
  return {};
}
inline Status read(const nek_value& from, Bytes& to) { return read(from, to.count); }
inline Status read(const nek_value& from, std::string& to) {
  to = to_string(from.string);
  return {};
}
inline Status read(const nek_value& from, const nek_value*& to) {
  to = &from;
  return {};
}
inline Status read(const nek_value& from, std::vector<std::string>& to) {
  to.clear();
  for (uint32_t i = 0; i < from.count; i++) to.push_back(to_string(from.items[i].string));
  return {};
}
inline Status read(const nek_value& from, StringPairs& to) {
  to.clear();
  for (uint32_t i = 0; i < from.count; i++) {
    to.emplace_back(to_string(from.items[i].key), to_string(from.items[i].string));
  }
  return {};
}
inline Status read(const nek_value& from, std::map<std::string, std::string>& to) {
  to.clear();
  for (uint32_t i = 0; i < from.count; i++) {
    to.emplace(to_string(from.items[i].key), to_string(from.items[i].string));
  }
  return {};
}

}  // namespace detail

// One option, bound to a member; `kNested`: the options of a member that is a struct.
template <auto kMember, const auto&... kNested>
struct Option {
  nek_option c;

  template <class Config>
  Status bind(Config& config, const nek_value& map) const {
    const nek_value* value = find(map, c.name);
    if (!value) return {};
    return fill(*value, config.*kMember);
  }

 private:
  template <class T>
  Status fill(const nek_value& from, T& to) const {
    if constexpr (detail::IsOptional<T>::value) {
      return fill(from, to.emplace());
    } else if constexpr (sizeof...(kNested) == 1) {
      return (kNested.bind(to, from), ...);
    } else if constexpr (std::is_enum_v<T>) {
      to = static_cast<T>(detail::word_index(c.range, to_view(from.string)));
      return {};
    } else {
      return detail::read(from, to);
    }
  }
};

template <class C, class... Options>
struct OptionTable {
  using Config = C;
  std::tuple<Options...> options;

  Status bind(Config& config, const nek_value& map) const {
    Status status;
    std::apply([&](const auto&... o) { (void)((status = o.bind(config, map)).ok() && ...); },
               options);
    return status;
  }
};

namespace detail {
template <const auto& kOptions>
inline constexpr auto kTable = std::apply(  // as the C boundary wants it: ends with NULL
    [](const auto&... o) {
      return std::array<const nek_option*, sizeof...(o) + 1>{&o.c..., nullptr};
    },
    kOptions.options);
}  // namespace detail

template <auto kMember, const auto&... kNested>
consteval Option<kMember, kNested...> option(const char* name, const char* doc,
                                             OptionExtra extra = {}) {
  using T = typename detail::Member<decltype(kMember)>::Type;
  nek_option c{};
  c.size = sizeof c;
  c.name = name;
  c.type = extra.type ? extra.type : detail::option_type<T>();
  c.doc = doc;
  c.fallback = extra.fallback;
  if (detail::IsOptional<T>::value && !c.fallback) c.fallback = "";
  c.range = extra.range;
  c.deprecated = extra.deprecated;
  if (std::is_enum_v<T> && !c.range) throw "an enum needs .range, the names of its values";
  if constexpr (sizeof...(kNested) == 1) c.options = (detail::kTable<kNested>.data(), ...);
  return {c};
}

template <class Config, class... Options>
constexpr OptionTable<Config, Options...> options(Options... all) {
  return {std::tuple<Options...>(all...)};
}

// Of a plugin without options.
struct NoConfig {};
inline constexpr auto kNoOptions = options<NoConfig>();

}  // namespace nek
