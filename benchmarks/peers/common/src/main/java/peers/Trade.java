package peers;

/** An event of the stock stream; a bean, as Flink and Esper want it. */
public class Trade {
  public long ts;
  public String symbol;
  public double price;
  public int volume;

  public Trade() {}

  public Trade(long ts, String symbol, double price, int volume) {
    this.ts = ts;
    this.symbol = symbol;
    this.price = price;
    this.volume = volume;
  }

  public long getTs() { return ts; }
  public void setTs(long v) { ts = v; }
  public String getSymbol() { return symbol; }
  public void setSymbol(String v) { symbol = v; }
  public double getPrice() { return price; }
  public void setPrice(double v) { price = v; }
  public int getVolume() { return volume; }
  public void setVolume(int v) { volume = v; }
}
