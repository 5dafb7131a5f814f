{% macro ended(results) %}
  {% for r in results %}
    insert into audit values ('end {{ r.node.name }} {{ r.status }} {{ r.node.resource_type }} {{ r.failures }}');
  {% endfor %}
{% endmacro %}
{% macro note(what) %}
  {% do run_query("insert into audit values ('" ~ what ~ "')") %}
  {% set found = run_query("select count(*) as n from audit where what = '" ~ what ~ "'") %}
  {% do log('noted ' ~ found.columns['n'].values()[0], info=true) %}
{% endmacro %}
