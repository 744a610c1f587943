// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <nek/testing.hpp>

int main() {
  using namespace nek::testing;
  const std::string wanted =
      "{\"ibyt\":\"uint64\",\"ipkt\":\"uint64\",\"ratio\":\"double\"}\n"
      "{\"ibyt\":10,\"ipkt\":4,\"ratio\":2.5}\n";
  Filter filter(find_plugin("ratio"), "{of: ibyt, by: ipkt}");
  const std::string rows = filter.rows(R"(
{"ibyt":"uint64","ipkt":"uint64"}
{"ibyt":10,"ipkt":4}
)");
  const std::string problems = check_contract(find_plugin("ratio"), "{of: ibyt, by: ipkt}");
  if (rows != wanted) std::cerr << "it makes:\n" << rows;
  std::cerr << problems;
  return rows == wanted && problems.empty() ? 0 : 1;
}
