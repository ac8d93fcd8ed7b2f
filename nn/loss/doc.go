// Package loss has the functions that training makes small.
//
// Each takes predictions, targets and a [Reduction]:
//
//	l := loss.CrossEntropy(logits, classes, loss.Mean)
//
// Predictions are real floating arrays; half-precision ones are computed in
// float32, and the result has their dtype. Classes, distributions and vectors
// lie along the last axis. Shapes that do not agree are an error, since
// broadcasting them would hide a mistake.
package loss
