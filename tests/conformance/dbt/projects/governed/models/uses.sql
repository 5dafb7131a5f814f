select a.id, b.age, c.age as newest from {{ ref('people', v=1) }} a join {{ ref('people') }} b using (id) join {{ ref('people', version=3) }} c using (id)
