// SPDX-License-Identifier: Apache-2.0
#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace sluice {

Spread SpreadOf(std::vector<double> values) {
  SLUICE_CHECK(!values.empty(), "a spread is of something");
  std::sort(values.begin(), values.end());
  size_t n = values.size();
  double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  return {values.front(), median, values.back()};
}

MedianInterval MedianIntervalOf(std::vector<double> values) {
  SLUICE_CHECK(!values.empty(), "an interval is of something");
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  // The chance that the true median lies below the k-th smallest value: at most k-1 values fall
  // below it.
  double below = 0;
  double term = std::pow(0.5, static_cast<double>(n));  // C(n, 0) / 2^n
  size_t rank = 0;                                      // from 0
  MedianInterval interval;
  for (size_t k = 0; k < (n + 1) / 2; ++k) {
    below += term;
    term = term * static_cast<double>(n - k) / static_cast<double>(k + 1);
    double coverage = 1 - 2 * below;
    if (k > 0 && coverage < 0.95) break;
    rank = k;
    interval.coverage = coverage;
  }
  interval.low = values[rank];
  interval.high = values[n - 1 - rank];
  return interval;
}

}  // namespace sluice
