// SPDX-License-Identifier: Apache-2.0
//
// What a handful of measurements says: minimum, median, maximum, and how far the median can be
// trusted. Threading: pure functions.
#pragma once

#include <vector>

namespace sluice {

struct Spread {
  double minimum = 0;
  double median = 0;
  double maximum = 0;
};
// `values` must not be empty.
Spread SpreadOf(std::vector<double> values);

// The interval between two order statistics that holds the true median with at least 95 %, from the
// binomial distribution with p = 1/2 (no assumption about the shape of the noise). With fewer than
// six values even the extremes cover less than that; then `coverage` says how much.
struct MedianInterval {
  double low = 0;
  double high = 0;
  double coverage = 0;
};
MedianInterval MedianIntervalOf(std::vector<double> values);

}  // namespace sluice
