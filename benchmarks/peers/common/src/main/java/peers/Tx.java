package peers;

/** A transaction; a bean, as Flink and Esper want it. */
public class Tx {
  public long ts;
  public long card;
  public double amount;
  public String country;
  public String kind;

  public Tx() {}

  public Tx(long ts, long card, double amount, String country, String kind) {
    this.ts = ts;
    this.card = card;
    this.amount = amount;
    this.country = country;
    this.kind = kind;
  }

  public long getTs() { return ts; }
  public void setTs(long v) { ts = v; }
  public long getCard() { return card; }
  public void setCard(long v) { card = v; }
  public double getAmount() { return amount; }
  public void setAmount(double v) { amount = v; }
  public String getCountry() { return country; }
  public void setCountry(String v) { country = v; }
  public String getKind() { return kind; }
  public void setKind(String v) { kind = v; }
}
