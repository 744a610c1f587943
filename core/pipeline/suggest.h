// SPDX-License-Identifier: Apache-2.0
// Suggestions for names that were not found, so that a typing error costs one look instead of a
// search. Pure functions; any thread.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace nek {

// The candidate that `name` was most likely meant to be; empty: none is near.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

// What follows an "unknown …" message: "; did you mean 'a'?", or "; there are: a, b", or nothing.
// `looked`: where else there might be some, said when none is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates,
                         const std::string& looked = {});

// "a, b, c", cut after some twenty names.
std::string join_names(const std::vector<std::string>& names);

}  // namespace nek
