package sim
import ("testing";"os";"strconv")
func TestOne(t *testing.T) {
	var c Compiler
	n,_ := strconv.Atoi(os.Getenv("SIMSEED"))
	sc := New(uint64(n))
	r := Run(sc, &c, true)
	os.WriteFile("/tmp/simx/trace", []byte(sc.String()+r.Trace), 0o644)
	t.Logf("%s %v", sc.Workload, r.Err)
}
