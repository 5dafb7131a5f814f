{{ config(contract={'enforced': true}, tags='a') }}{{ config(tags='b') }}select 1 as id
