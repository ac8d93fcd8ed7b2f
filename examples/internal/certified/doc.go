// Package certified certifies the kernels of an example's plugin in its test.
package certified
