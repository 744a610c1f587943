# SPDX-License-Identifier: Apache-2.0
"""What bench/compare and bench/day consist of."""
