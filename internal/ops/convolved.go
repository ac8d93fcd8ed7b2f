package ops

import "strings"

// The engine's convolutions take any number of groups and any window; and what
// negative padding cuts off a dilated input they count in elements of the input.
// The rows below check the one and do the other as crop.h says.

// convolved calls a convolution after a check of its arguments.
func convolved(name, call string) string {
	return `[&] {
			` + wholeWindow(name) + `
			return ` + call + `;
		}()`
}

func wholeWindow(name string) string {
	return `if (groups < 1 || weight.size() == 0) throw std::invalid_argument("[` + name + `] groups must be positive and weight not empty");`
}

// convolvedGeneral is conv_general.
var convolvedGeneral = convolved("conv_general", `[&] {
				int n = int(input.ndim()) - 2;
				auto each = [&](const std::vector<int>& v, int absent) {
					return v.empty() ? std::vector<int>(n, absent) : v.size() == 1 ? std::vector<int>(n, v[0]) : v;
				};
				auto x = input;
				auto lo = padding_lo, hi = padding_hi;
				if (n > 0) {
					auto spread = each(input_dilation, 1);
					lo = each(lo, 0), hi = each(hi, 0);
					bool fit = int(spread.size()) == n && int(lo.size()) == n && int(hi.size()) == n;
					for (int by : spread) fit = fit && by > 0;
					if (fit) x = mlxc::crop(x, lo, hi, spread, s);
				}
				return conv_general(x, weight, stride, lo, hi, kernel_dilation, input_dilation, groups, flip, s);
			}()`)

// convolvedTransposed is a transposed convolution. list is a C++ expression that
// makes a list of v, a number or a tuple of numbers.
func convolvedTransposed(name, list string) string {
	return convolved(name, strings.ReplaceAll(`[&] {
				auto ints = [](const auto& v) { return LIST; };
				auto by = ints(stride), cut = ints(padding), gap = ints(dilation), more = ints(output_padding);
				size_t n = by.size();
				std::vector<int> lo(n), hi(n);
				if (input.ndim() != n + 2 || weight.ndim() != n + 2) throw std::invalid_argument("[`+name+`] input and weight must have " + std::to_string(n + 2) + " axes");
				for (size_t i = 0; i < n; i++) {
					if (by[i] < 1 || gap[i] < 1) throw std::invalid_argument("[`+name+`] stride and dilation must be positive");
					lo[i] = gap[i] * (weight.shape(i + 1) - 1) - cut[i];
					hi[i] = lo[i] + more[i];
				}
				auto x = mlxc::crop(input, lo, hi, by, s);
				return conv_general(x, weight, std::vector<int>(n, 1), lo, hi, gap, by, groups, true, s);
			}()`, "LIST", list))
}
