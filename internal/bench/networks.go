package bench

import (
	"strconv"

	"github.com/adjoint-go/adjoint/core"
)

// dense is a layer x·W + B.
type dense struct{ W, B *core.Array }

func (d dense) apply(x *core.Array) *core.Array { return core.AddMM(d.B, x, d.W) }

func relu(x *core.Array) *core.Array { return x.MaximumScalar(0) }

// layerNames are the names, within a group of inputs, of layer k.
func layerNames(k int) (w, b string) { return "p.w" + strconv.Itoa(k), "p.b" + strconv.Itoa(k) }

func denseLayers(in *Inputs, group string, n int) []dense {
	var out []dense
	for k := range n {
		w, b := layerNames(k)
		out = append(out, dense{in.get(group + "." + w), in.get(group + "." + b)})
	}
	return out
}

func data(in *Inputs, group string) batch {
	return batch{in.get(group + ".x"), in.get(group + ".y")}
}

// mlpLoss is that of dense layers with ReLU between them.
func mlpLoss(layers []dense, d batch) *core.Array {
	x := d.X
	for i, l := range layers {
		if i > 0 {
			x = relu(x)
		}
		x = l.apply(x)
	}
	return crossEntropy(x, d.Y)
}

func mlpSmall(in *Inputs) job {
	p := denseLayers(in, "mlp_s", 2)
	return training(p, adam[[]dense]{}, data(in, "mlp_s"), mlpLoss, sgd[[]dense])
}

func mlpMedium(in *Inputs) job { return mlpAdam(in, "mlp_m") }

func mlpLarge(in *Inputs) job { return mlpAdam(in, "mlp_l") }

func mlpAdam(in *Inputs, group string) job {
	p := denseLayers(in, group, 3)
	return training(p, newAdam(p), data(in, group), mlpLoss, adamStep[[]dense])
}

// conv is a 3x3 convolution that keeps the image's size; K is output channel,
// row, column, input channel.
type conv struct{ K, B *core.Array }

func (c conv) apply(x *core.Array) *core.Array {
	return x.Conv2d(c.K, [2]int{1, 1}, [2]int{1, 1}, [2]int{1, 1}, 1).Add(c.B)
}

// pool halves an image of even height and width to the maxima of its 2x2 blocks.
func pool(x *core.Array) *core.Array {
	s := x.Shape()
	return x.Reshape(s[0], s[1]/2, 2, s[2]/2, 2, s[3]).Max(2, 4)
}

// imageNet is two convolutions and two dense layers.
type imageNet struct {
	Convs []conv
	Dense []dense
}

func imageLoss(net imageNet, d batch) *core.Array {
	x := d.X
	for _, c := range net.Convs {
		x = pool(relu(c.apply(x)))
	}
	x = x.Reshape(x.Dim(0), -1)
	x = relu(net.Dense[0].apply(x))
	return crossEntropy(net.Dense[1].apply(x), d.Y)
}

func cnn(in *Inputs) job {
	var net imageNet
	for _, k := range []string{"0", "1"} {
		kernel := in.get("cnn.p.c"+k).Transpose(3, 0, 1, 2).Contiguous().Eval()
		net.Convs = append(net.Convs, conv{kernel, in.get("cnn.p.cb" + k)})
	}
	net.Dense = denseLayers(in, "cnn", 2)
	return training(net, newAdam(net), data(in, "cnn"), imageLoss, adamStep[imageNet])
}
