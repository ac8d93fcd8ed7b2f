// Package initialize draws the values that weights start with.
//
// Each function takes a random key first, and a dtype and a shape last:
//
//	w := initialize.HeNormal(key, initialize.FanIn, initialize.ReLUGain, core.Float32, out, in)
//
// A shape is read as that of a layer's weight: the first axis counts outputs,
// the last inputs, and those between are the places of a filter.
package initialize
