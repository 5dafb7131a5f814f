select nothere from {{ ref('ok') }}
