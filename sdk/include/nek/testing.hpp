// SPDX-License-Identifier: Apache-2.0
// What a plugin's tests include: run it without the host, check its contract, compare golden files,
// have a temporary folder.
// Independent of the test framework: it answers with texts and throws std::runtime_error on misuse.
// Not thread-safe.
#pragma once
#include "nek/testing/contract.hpp"
#include "nek/testing/folder.hpp"
#include "nek/testing/golden.hpp"
#include "nek/testing/run.hpp"
