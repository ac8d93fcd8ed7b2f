#include "cpu/matrices.h"

#include <algorithm>

#include "cpu/copy.h"

namespace adj::cpu {

std::optional<int64_t> Places::even() const {
  int64_t step = -1, count = 1;
  for (size_t k = shape_.size(); k-- > 0; count *= shape_[k]) {
    if (shape_[k] == 1) {
      continue;
    }
    if (step >= 0 && strides_[k] != step * count) {
      return std::nullopt;
    }
    step = step < 0 ? strides_[k] : step;
  }
  return std::max<int64_t>(step, 0);
}

std::optional<Matrix> matrix(const array& a) {
  int64_t rows = a.shape(-2), cols = a.shape(-1), by_row = a.strides(-2), by_col = a.strides(-1);
  constexpr int64_t most = 1 << 30;
  if ((by_col == 1 || cols == 1) && (by_row >= cols || rows == 1)) {
    auto ld = rows == 1 ? cols : by_row;
    return ld < most ? std::optional<Matrix>({false, (int)ld}) : std::nullopt;
  }
  if ((by_row == 1 || rows == 1) && (by_col >= rows || cols == 1)) {
    auto ld = cols == 1 ? rows : by_col;
    return ld < most ? std::optional<Matrix>({true, (int)ld}) : std::nullopt;
  }
  return std::nullopt;
}

array dense(const array& a, const Stream& s) {
  return matrix(a) ? a : contiguous(a, s);
}

} // namespace adj::cpu
