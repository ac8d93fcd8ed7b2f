package replay

var reducing = map[string]operation{
	"ArgPartition": with(1, func(c *call, a *array) *array { return a.ArgPartition(c.int(0), c.int(1)) }),
	"ArgReduce": with(1, func(c *call, a *array) *array {
		if c.int(0) == 0 {
			return a.ArgMinKeep(c.int(1))
		}
		return a.ArgMaxKeep(c.int(1))
	}),
	"ArgSort":   with(1, func(c *call, a *array) *array { return a.ArgSort(c.int(0)) }),
	"Partition": with(1, func(c *call, a *array) *array { return a.Partition(c.int(0), c.int(1)) }),
	"Sort":      with(1, func(c *call, a *array) *array { return a.Sort(c.int(0)) }),
	"LogSumExp": with(1, func(_ *call, a *array) *array { return a.LogSumExpKeep(-1) }),
	"Softmax": with(1, func(c *call, a *array) *array {
		if c.bool(0) {
			return a.SoftmaxPrecise(-1)
		}
		return a.Softmax(-1)
	}),
	"Reduce": with(1, func(c *call, a *array) *array {
		axes := c.ints(1)
		if len(axes) == 0 { // Go's methods would take all
			return a.Positive()
		}
		switch c.int(0) {
		case 0:
			return a.AllKeep(axes...)
		case 1:
			return a.AnyKeep(axes...)
		case 2:
			return a.SumKeep(axes...)
		case 3:
			return a.ProdKeep(axes...)
		case 4:
			return a.MinKeep(axes...)
		}
		return a.MaxKeep(axes...)
	}),
	"Scan": with(1, func(c *call, a *array) *array {
		axis, reverse, inclusive := c.int(1), c.bool(2), c.bool(3)
		switch c.int(0) {
		case 0:
			return a.CumMaxWith(axis, reverse, inclusive)
		case 1:
			return a.CumMinWith(axis, reverse, inclusive)
		case 2:
			return a.CumSumWith(axis, reverse, inclusive)
		case 3:
			return a.CumProdWith(axis, reverse, inclusive)
		}
		return a.LogCumSumExpWith(axis, reverse, inclusive)
	}),
}
