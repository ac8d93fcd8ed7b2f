package main
import ("fmt";"github.com/adjoint-go/adjoint/core")
func main(){ a:=core.Arange(core.Float32,0,16,1).Reshape(4,2,2); a=a.At(core.All,core.Range(0,1),core.Range(0,1)); b:=a.BroadcastTo(4,0,0); fmt.Println("lazy"); core.Eval(b); fmt.Println(b.Spec())
 c:=core.Full(core.Float32,1,4,1,1).BroadcastTo(4,0,0); core.Eval(c); fmt.Println("ok2")
 d:=core.Full(core.Float32,0).BroadcastTo(4,1,1).AsType(core.Float32).BroadcastTo(4,0,0).Contiguous();  core.Eval(d); fmt.Println("ok3")
 }
