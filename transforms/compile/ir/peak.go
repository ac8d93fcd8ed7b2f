package ir

// memory follows what is held while the nodes run in order.
type memory struct {
	bytes map[int]int
	root  map[int]int // what a view shows, by view
	users map[int]int // nodes still to come, and outputs, that need a root
	now   int
	most  int
}

func (m *memory) of(id int) int {
	if r, ok := m.root[id]; ok {
		return r
	}
	return id
}

func (m *memory) hold(bytes int) {
	m.now += bytes
	m.most = max(m.most, m.now)
}

func (p *Program) peak(bytes map[int]int) int {
	m := memory{bytes: bytes, root: map[int]int{}, users: map[int]int{}}
	for _, n := range p.Nodes {
		if n.view() {
			for _, o := range n.Out {
				m.root[o.ID] = m.of(n.In[0])
			}
		}
		for _, id := range n.In {
			m.users[m.of(id)]++
		}
	}
	for _, o := range p.Outputs {
		m.users[m.of(o.ID)]++
	}
	for _, v := range p.Inputs {
		if !v.Donated {
			m.users[v.ID]++ // the caller's
		}
		m.hold(bytes[v.ID])
	}
	for _, v := range p.Constants {
		m.users[v.ID]++
		m.hold(bytes[v.ID])
	}
	for i := range p.Nodes {
		m.run(&p.Nodes[i])
	}
	return m.most
}

func (m *memory) run(n *Node) {
	ends := 0             // bytes that this node is the last to read
	over := map[int]int{} // how many arrays of a size end here
	for _, id := range n.In {
		r := m.of(id)
		if m.users[r]--; m.users[r] == 0 {
			ends += m.bytes[r]
			over[m.bytes[r]]++
		}
	}
	if n.view() {
		m.now -= ends // nobody reads the view
		return
	}
	for _, o := range n.Out {
		if bytes := o.Bytes(); n.Elementwise() && over[bytes] > 0 {
			over[bytes]--
			ends -= bytes
			continue
		}
		m.hold(o.Bytes())
	}
	m.now -= ends
	for _, o := range n.Out {
		if m.users[o.ID] == 0 {
			m.now -= o.Bytes() // nobody reads it
		}
	}
}
