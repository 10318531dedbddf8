package peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

/**
 * Flink SQL's answers to queries. Arguments: a file of lines {"id", "sql"}, a file of the statements that create the tables,
 * one a line, and the file to write: lines {"id", "types", "rows"} or {"id", "error"}.
 */
public final class FlinkAnswers {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSS");

  private FlinkAnswers() {}

  public static void main(String[] args) throws Exception {
    List<String> tables = Files.readAllLines(Path.of(args[1]));
    try (BufferedReader in = Files.newBufferedReader(Path.of(args[0]));
        PrintStream out = new PrintStream(args[2])) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        JsonNode query = JSON.readTree(line);
        ObjectNode answer = JSON.createObjectNode().put("id", query.get("id").asText());
        try {
          answer(answer, tables, query.get("sql").asText());
        } catch (Throwable e) {
          answer.put("error", cause(e));
        }
        out.println(answer);
        System.err.print(answer.has("error") ? "x" : ".");
      }
    }
    System.err.println();
    System.exit(0);
  }

  private static void answer(ObjectNode answer, List<String> tables, String sql) throws Exception {
    StreamTableEnvironment t = StreamTableEnvironment.create(StreamExecutionEnvironment.getExecutionEnvironment(Settings.of(1)));
    t.getConfig().set("table.local-time-zone", "UTC");
    for (String table : tables) {
      t.executeSql(table);
    }
    TableResult result = t.executeSql(sql);
    ArrayNode types = answer.putArray("types");
    for (DataType type : result.getResolvedSchema().getColumnDataTypes()) {
      types.add(type.getLogicalType().copy(true).asSummaryString());
    }
    List<ArrayNode> rows = new ArrayList<>();
    rows(result).forEach((row, n) -> {
      for (int i = 0; i < n; i++) {
        ArrayNode texts = JSON.createArrayNode();
        row.forEach(texts::add);
        rows.add(texts);
      }
    });
    rows.sort(Comparator.comparing(ArrayNode::toString));
    answer.putArray("rows").addAll(rows);
  }

  /** What a changelog leaves, and how often. Where it has updates without what they replace, the first column is the key. */
  private static Map<List<String>, Integer> rows(TableResult result) throws Exception {
    Map<List<String>, Integer> rows = new HashMap<>();
    Map<String, List<String>> latest = new HashMap<>();
    RowKind before = RowKind.INSERT;
    try (CloseableIterator<Row> i = result.collect()) {
      while (i.hasNext()) {
        Row row = i.next();
        boolean gone = row.getKind() == RowKind.UPDATE_BEFORE || row.getKind() == RowKind.DELETE;
        List<String> texts = texts(row), old = latest.put(texts.get(0), texts);
        if (row.getKind() == RowKind.UPDATE_AFTER && before != RowKind.UPDATE_BEFORE) {
          rows.merge(old, -1, Integer::sum);
        }
        rows.merge(texts, gone ? -1 : 1, Integer::sum);
        before = row.getKind();
      }
    }
    return rows;
  }

  private static List<String> texts(Row row) {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < row.getArity(); i++) {
      texts.add(text(row.getField(i)));
    }
    return texts;
  }

  private static String text(Object v) {
    if (v == null) return null;
    if (v instanceof BigDecimal d) return d.toPlainString();
    if (v instanceof LocalDateTime d) return TIME.format(d);
    if (v instanceof Instant i) return TIME.format(LocalDateTime.ofInstant(i, ZoneOffset.UTC));
    if (v instanceof LocalTime d) return DateTimeFormatter.ofPattern("HH:mm:ss").format(d);
    if (v instanceof Duration d) return String.valueOf(d.toMillis());
    if (v instanceof byte[] b) return HexFormat.of().formatHex(b);
    if (v instanceof Row r) return "(" + String.join(", ", nulls(texts(r))) + ")";
    if (v instanceof Object[] a) return "[" + String.join(", ", nulls(java.util.Arrays.stream(a).map(FlinkAnswers::text).toList())) + "]";
    if (v instanceof Map<?, ?> m) {
      Map<String, String> sorted = new TreeMap<>();
      m.forEach((k, x) -> sorted.put(String.valueOf(text(k)), String.valueOf(text(x))));
      return sorted.toString();
    }
    return v.toString();
  }

  private static List<String> nulls(List<String> texts) {
    return texts.stream().map(s -> s == null ? "NULL" : s).toList();
  }

  private static String cause(Throwable e) {
    while (e.getCause() != null) e = e.getCause();
    String text = String.valueOf(e.getMessage());
    return e.getClass().getSimpleName() + ": " + text.lines().findFirst().orElse("");
  }
}
