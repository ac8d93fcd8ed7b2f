package main

// The points lie on y = 3x - 1 with noise 0.1.
func Example_main() {
	main()
	// Output:
	// step   0  loss 3.7860  y = +0.000x +0.000
	// step  20  loss 0.0109  y = +2.947x -0.971
	// step  40  loss 0.0105  y = +2.984x -0.972
	// step  60  loss 0.0105  y = +2.984x -0.972
	// step  80  loss 0.0105  y = +2.984x -0.972
	// step 100  loss 0.0105  y = +2.984x -0.972
}
